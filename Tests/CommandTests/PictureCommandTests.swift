// SPDX-License-Identifier: MIT

import Foundation
import Testing

@Suite struct PictureCommandTests {
  @Test(arguments: [
    ["neighborhood", "--set", "window=7x7", "--grid", "16x16"],
    ["neighborhood", "--set", "window=3x3x3", "--grid", "4x6x8", "--query", "1x2x3"],
    ["flash", "--length", "100", "--causal"],
    ["moba", "--set", "blockSize=16", "topK=2", "--length", "128", "--causal"],
    ["split-kv", "--length", "4", "--key-length", "200", "--causal"],
    ["longheads", "--set", "chunkSize=16", "topK=3", "--length", "128", "--causal"],
    ["vmoba", "--set", "chunk=2x4x4", "--grid", "4x8x8"],
  ])
  func describeDrawsWhoAttendsToWhom(arguments: [String]) throws {
    let command = try Command()
    defer { command.remove() }
    for name in ["mask.svg", "mask.png"] {
      let result = try command.run(["describe"] + arguments + ["--plot", name])
      #expect(result.code == 0, "\(result.errors)")
      #expect(result.output.hasPrefix("\(name): "))
      #expect(result.output.contains("pairs attended"))
    }
    let svg = try String(contentsOfFile: command.path("mask.svg"), encoding: .utf8)
    #expect(svg.contains(arguments[0]))
    #expect(svg.contains("image-rendering:pixelated"))
    #expect(svg.contains("</svg>"))
  }

  @Test(arguments: [
    (["linear", "--length", "64", "--plot", "m.svg"], "no mask"),
    (["neighborhood", "--grid", "200x200", "--plot", "m.svg"], "too many"),
    (["neighborhood", "--grid", "16x16", "--plot", "m.gif"], ".svg or .png"),
    (["neighborhood", "--plot", "m.svg"], "--grid or --length"),
    (["neighborhood", "--grid", "16x16", "--plot", "m.svg", "--query", "16x0"], "count from 0"),
    (["neighborhood", "--query", "1"], "--plot"),
  ])
  func aPictureThatCannotBeDrawnSaysWhy(arguments: [String], words: String) throws {
    let command = try Command()
    defer { command.remove() }
    let result = try command.run(["describe"] + arguments)
    #expect(result.code == 2)
    #expect(result.errors.contains(words), "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: command.path("m.svg")))
  }

  @Test func aStoredRunBecomesOnePage() throws {
    let command = try Command()
    defer { command.remove() }
    let run = Command.root.appendingPathComponent("Tests/ReportingTests/Recorded").path
    let result = try command.run("report", run, "--format", "html")
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.output.hasPrefix("<!doctype html>"))
    #expect(result.output.contains("arxiv.org/abs/"))
    #expect(result.output.contains("Who attends to whom"))
    let stored = try command.run("report", run, "--format", "html", "--output", "page")
    #expect(stored.output == "page/report.html\n")
    let page = try String(contentsOfFile: command.path("page/report.html"), encoding: .utf8)
    #expect(page == result.output)
    #expect(!page.contains(command.folder.path))
    #expect(!page.contains(Command.root.path))
  }

  @Test func aReportShowsTheCasesThatFiltersLeave() throws {
    let command = try Command()
    defer { command.remove() }
    let run = Command.root.appendingPathComponent("Tests/ReportingTests/Recorded").path
    let all = try command.run("report", run, "--format", "csv")
    let some = try command.run("report", run, "--format", "csv", "--filter", "neighborhood")
    #expect(some.code == 0, "\(some.errors)")
    let rows = some.output.split(whereSeparator: \.isNewline).dropFirst()
    #expect(!rows.isEmpty)
    #expect(rows.allSatisfy { $0.contains("neighborhood") })
    #expect(rows.count < all.output.split(whereSeparator: \.isNewline).count - 1)
    let none = try command.run("report", run, "--filter", "nothing")
    #expect(none.code == 2)
    #expect(none.errors.contains("matches the filters; the first of"), "\(none.errors)")
  }

  @Test func outputThatIsNoTerminalHasNoColour() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(
      """
      suite: tiny
      machines: [h100]
      mode: simulate
      cases:
        - shapes: { heads: 2, length: 96, headDim: 16 }
          mechanisms: [flash, linear]
      """, to: "tiny.yaml")
    let result = try command.run(
      "run", "tiny.yaml", "--output", "runs", "--name", "one", environment: ["TERM": "xterm"])
    #expect(result.code == 0, "\(result.errors)")
    #expect(!result.output.contains("\u{1B}"))
    #expect(result.output.contains("Summary"))
    #expect(result.output.contains("runs/one/report.html"))
  }
}
