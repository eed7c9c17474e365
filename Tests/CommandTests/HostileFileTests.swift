// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// Files that are no files, and names that are no names: one clear error, at once.
@Suite(.serialized) struct HostileFileTests {
  private static let links = ["/dev/zero", "/dev/null", "pipe", ".", "loop", "gone", "empty.yaml"]

  private static func command() throws -> Command {
    let command = try Command()
    #expect(mkfifo(command.path("pipe"), 0o600) == 0)
    #expect(symlink("loop", command.path("loop")) == 0)
    try command.write("", to: "empty.yaml")
    try command.write(TinySuite.text(cases: 1), to: "tiny.yaml")
    return command
  }

  @Test(.timeLimit(.minutes(3)), arguments: links)
  func devicesPipesAndLoopsAreNoInputs(file: String) throws {
    let command = try Self.command()
    defer { command.remove() }
    for arguments in [
      ["run", file], ["run", "./\(file)"],
      ["simulate", "flash", "--length", "64", "--machine", "./\(file)"],
      ["apply", "flash", "--q", file, "--k", file, "--v", file, "--out", "o.npy"],
      ["exact", "tiny.yaml", "--reference", file, "--no-cachegrind"],
      ["machine", "show", "./\(file)"],
    ] {
      let result = try command.run(arguments)
      #expect(
        (1...2).contains(result.code) && !result.errors.isEmpty,
        "\(arguments): \(result.code) \(result.errors)")
    }
    #expect(!FileManager.default.fileExists(atPath: command.path("o.npy")))
  }

  @Test(arguments: [
    "../outside", "/tmp/outside", "a/b", "..", ".hidden", "", "\u{1B}[31m", "a\nb",
    String(repeating: "a", count: 101), "-x",
  ])
  func runNamesStayInTheirFolder(name: String) throws {
    let command = try Self.command()
    defer { command.remove() }
    let before = try FileManager.default.contentsOfDirectory(atPath: command.folder.path)
    let result = try command.run("run", "tiny.yaml", "--output", "runs", "--name=\(name)")
    #expect(result.code != 0)
    #expect(!result.errors.contains("\u{1B}"))
    let after = try FileManager.default.contentsOfDirectory(atPath: command.folder.path)
      .filter { !$0.hasPrefix("std") }
    #expect(Set(after).subtracting(before).isSubset(of: ["runs"]))
  }

  /// The suite's name becomes the default name of the run.
  @Test func aSuiteCannotNameAFolderOutside() throws {
    let command = try Self.command()
    defer { command.remove() }
    for name in ["../../evil", "/evil", "a\\u001b[2J"] {
      let text = TinySuite.text(cases: 1).replacingOccurrences(
        of: "suite: tiny", with: "suite: \"\(name)\"")
      try command.write(text, to: "evil.yaml")
      let result = try command.run("run", "evil.yaml", "--output", "runs")
      #expect(result.code != 0)
      #expect(!result.errors.contains("\u{1B}"))
    }
    let parent = command.folder.deletingLastPathComponent().path
    #expect(!FileManager.default.fileExists(atPath: parent + "/evil"))
  }

  /// What a terminal would obey is printed as text.
  @Test func messagesHoldNoControlCharacters() throws {
    let command = try Self.command()
    defer { command.remove() }
    for arguments in [
      ["describe", "fl\u{1B}[2Jash"], ["run", "\u{1B}]0;title\u{7}.yaml"],
      ["simulate", "moba", "--length", "64", "--set", "block\u{1B}Size=1"],
      ["run", "tiny.yaml", "--shard", "\u{1B}[2J"],
    ] {
      let result = try command.run(arguments)
      #expect(result.code == 2)
      #expect(!result.errors.unicodeScalars.contains { $0.value < 32 && $0 != "\n" && $0 != "\t" })
    }
  }

  @Test(arguments: [
    ["simulate", "flash", "--length", "-1"], ["simulate", "flash", "--length", "0"],
    ["simulate", "flash", "--length", "9223372036854775807"],
    ["simulate", "flash", "--length", "2147483647", "--heads", "2147483647"],
    ["simulate", "flash", "--grid", "2147483647x2147483647x2147483647"],
    ["simulate", "flash", "--grid", "0x4"], ["simulate", "flash", "--grid", "-3x-3"],
    ["simulate", "moba", "--length", "4096", "--causal", "--set", "blockSize=0"],
    [
      "simulate", "moba", "--length", "4096", "--causal", "--set", "blockSize=-9223372036854775808",
    ],
    ["simulate", "moba", "--length", "4096", "--causal", "--set", "topK=9223372036854775807"],
    ["simulate", "moba", "--length", "4096", "--causal", "--set", "blockSize=9223372036854775807"],
    ["simulate", "neighborhood", "--length", "4096", "--set", "window=9223372036854775807"],
    ["simulate", "flash", "--length", "64", "--scale", "nan"],
    ["simulate", "flash", "--length", "64", "--scale", "-inf"],
    ["run", "tiny.yaml", "--threads", "0"], ["run", "tiny.yaml", "--shard", "0/0"],
    ["run", "tiny.yaml", "--seed", "-1"],
  ])
  func sizesThatNoProblemHasAreRefused(arguments: [String]) throws {
    let command = try Self.command()
    defer { command.remove() }
    let result = try command.run(arguments)
    // A number may also be legal where it means "all": then there is a result.
    #expect(result.code == 2 || result.code == 0 && !result.output.isEmpty, "\(result.errors)")
    #expect(result.code == 0 || result.errors.hasPrefix("Error: "), "\(result.errors)")
  }
}
