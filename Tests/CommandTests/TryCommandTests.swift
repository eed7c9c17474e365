// SPDX-License-Identifier: MIT

import Foundation
import Testing

@Suite struct TryCommandTests {
  @Test func mechanismsAreComparedWithoutASuite() throws {
    let command = try Command()
    defer { command.remove() }
    let result = try command.run(
      "try", "flash", "moba:blockSize=16,topK=2", "--length", "64", "--heads", "2", "--causal",
      "--seconds", "0.1")
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.output.contains("moba (blockSize=16 topK=2)"))
    #expect(result.output.contains("1x2x64x64 causal, sink-local"))
    // The suite that was made is kept and can be run as it is.
    let runs = try FileManager.default.contentsOfDirectory(atPath: command.path("Results/runs"))
    let suite = "Results/runs/\(try #require(runs.first))/suite.yaml"
    let again = try command.run("run", suite, "--dry-run")
    #expect(again.code == 0, "\(again.errors)")
    #expect(again.output.contains("moba[blockSize=16,topK=2]@1x2x64x64,causal/sink-local"))
  }

  @Test(arguments: [
    (["mobba", "--length", "64", "--causal"], "Did you mean 'moba'?"),
    (["moba:topk=3", "--length", "64", "--causal"], "Did you mean 'topK'?"),
    (["moba:topK", "--length", "64", "--causal"], "name=value"),
    (["moba: { x", "--length", "64"], "id:name=value"),
    (["moba", "--causal"], "--length or --grid"),
    (["flash", "--qkv", "none.npz"], "none.npz"),
    (["flash", "--qkv", "none.npz", "--input", "gaussian"], "not both"),
    (["flash", "--length", "64", "--seconds", "0"], "--seconds"),
  ])
  func whatCannotBeTriedSaysWhyAndLeavesNothing(arguments: [String], words: String) throws {
    let command = try Command()
    defer { command.remove() }
    let result = try command.run(["try"] + arguments)
    #expect(result.code == 2)
    #expect(result.errors.contains(words), "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: command.path("Results")))
  }

  @Test func theManualPageHoldsEveryCommandAndNoLineThatIsTooLong() throws {
    let command = try Command()
    defer { command.remove() }
    let page = try command.run("manual").output
    #expect(page.hasPrefix(".TH ATTNBENCH 1"))
    for name in ["run", "try", "apply", "history show", "doctor"] {
      #expect(page.contains(".SS \"attnbench \(name)\""))
    }
    #expect(!page.contains("worker"))
    // Examples keep their lines: a terminal of 80 columns must hold them.
    var isExample = false
    for line in page.split(separator: "\n") {
      if line == ".nf" { isExample = true }
      if line == ".fi" { isExample = false }
      let text = line.replacing("\\e", with: "\\").replacing("\\(aq", with: "'")
        .replacing("\\-", with: "-")
      #expect(!isExample || text.count <= 82, "\(text)")
    }
  }
}
