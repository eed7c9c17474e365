// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionCore
import Foundation
import SuiteRunner
import TensorFiles

/// A few mechanisms at one shape, without writing a suite.
struct TryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "try",
    abstract: "Compare a few mechanisms at one shape, on this machine: speed, bound, accuracy.",
    discussion: """
      Each is verified, simulated and timed next to dense attention; a table and sentences follow, \
      and a page with everything. Parameters stand behind a colon; the defaults are the paper's. \
      The suite that this makes is kept beside the results, to be edited and run again.

        attnbench try moba streaming-llm sage1 --length 8192 --causal
        attnbench try neighborhood:window=7x7 neighborhood:window=13x13 linear \\
          --grid 64x64
        attnbench try moba:blockSize=128,topK=4 flash --causal --qkv capture.npz
      """)

  @Argument(help: ArgumentHelp("Mechanisms to compare.", valueName: "id[:name=value,...]"))
  var mechanisms: [String]
  @OptionGroup var shape: ShapeOptions
  @Option(
    help: ArgumentHelp(
      "gaussian, outlier-channels, rare-large, correlated-grid or sink-local; default is text-like "
        + "(sink-local) where causal and correlated-grid on a grid.", valueName: "input"))
  var input: GeneratedInput?
  @Option(
    help: ArgumentHelp(
      "An archive with your q, k and v, which give the shape.", valueName: "file"),
    completion: .file(extensions: ["npz", "safetensors"]))
  var qkv: String?
  @Option(help: "Axes of the tensors of --qkv: BHND, BNHD, HND or NHD.")
  var layout = TensorLayout.batchHeadsTokens
  @Option(
    name: .customLong("machine"), parsing: .singleValue,
    help: "A machine to price on beside this host; repeatable.")
  var machines: [String] = []
  @Option(help: "Seconds of samples for each mechanism.")
  var seconds = 10.0
  @Option(help: "Worker threads; default is every CPU that this process may use.")
  var threads: Int?
  @Option(help: "Folder of all runs.")
  var output = "Results/runs"

  func run() throws {
    BLASCore.correct(note: StandardError.note)
    let formatter = DateFormatter()
    formatter.dateFormat = "yyyyMMdd-HHmmss"
    formatter.timeZone = TimeZone(identifier: "UTC")
    formatter.locale = Locale(identifier: "en_US_POSIX")
    let name = "try-\(formatter.string(from: Date()))"
    let path = "\(output)/\(name)/suite.yaml"
    let text = try suiteText()
    // Errors of the suite are told before anything is written.
    _ = try SuiteFile.read(text: text, file: "try", directory: ".")
    try FileManager.default.createDirectory(
      atPath: "\(output)/\(name)", withIntermediateDirectories: true)
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    try SuiteExecution(
      suiteOptions: try SuiteOptions.parse([path]),
      kernelOptions: try KernelOptions.parse(threads.map { ["--threads", "\($0)"] } ?? []),
      counters: .automatic, depth: nil, dryRun: false, resume: nil, name: name, output: output
    ).run()
  }

  private func suiteText() throws -> String {
    guard (0.01...3600).contains(seconds) else {
      throw Refusal.usage("--seconds \(seconds): give 0.01 to 3600")
    }
    let rows = try mechanisms.map { "      - \(try Self.entry($0))" }
    return """
      suite: try
      machines: [\((["host"] + machines).joined(separator: ", "))]
      timing: { target: 1 %, timePerCase: \(Int((seconds * 1000).rounded())) ms }
      cases:
        - shapes: { \(try shapeText().joined(separator: ", ")) }
          inputs: \(try inputText())
          mechanisms:
      \(rows.joined(separator: "\n"))

      """
  }

  /// `moba:topK=4,blockSize=128` as an entry of a suite.
  private static func entry(_ text: String) throws -> String {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let isPlain = text.allSatisfy { $0.isLetter || $0.isNumber || "-_.:=,+".contains($0) }
    guard isPlain, !parts[0].isEmpty else {
      throw Refusal.usage("\(text): write a mechanism as id or id:name=value,name=value")
    }
    guard parts.count == 2 else { return String(parts[0]) }
    let settings = try parts[1].split(separator: ",", omittingEmptySubsequences: false).map {
      let pair = $0.split(separator: "=", omittingEmptySubsequences: false)
      guard pair.count == 2, pair.allSatisfy({ !$0.isEmpty }) else {
        throw Refusal.usage("\(text): '\($0)' is no parameter; write name=value")
      }
      return "\(pair[0]): \(pair[1])"
    }
    return "\(parts[0]): { \(settings.joined(separator: ", ")) }"
  }

  private func shapeText() throws -> [String] {
    let causality = shape.causal ? ["causal: true"] : []
    let scale = shape.scale.map { ["scale: \($0)"] } ?? []
    let grid = shape.grid.map { ["grid: \($0)"] } ?? []
    guard qkv == nil else { return causality + scale + grid }
    let size = try shape.shape()
    return [
      "batch: \(size.batch)", "heads: \(size.queryHeads)", "keyValueHeads: \(size.keyValueHeads)",
      "length: \(size.queryLength)", "keyLength: \(size.keyLength)", "headDim: \(size.headDim)",
      "valueDim: \(size.valueDim)",
    ] + causality + scale + grid
  }

  private func inputText() throws -> String {
    guard let qkv else {
      let usual: GeneratedInput =
        shape.grid != nil ? .correlatedGrid : shape.causal ? .sinkLocal : .gaussian
      return (input ?? usual).rawValue
    }
    guard input == nil else { throw Refusal.usage("give --input or --qkv, not both") }
    let path = URL(fileURLWithPath: qkv).path
    guard !path.contains("\"") else { throw Refusal.usage("--qkv \(qkv): rename the file") }
    return "{ file: \"\(path)\", layout: \(layout.rawValue) }"
  }
}

extension GeneratedInput: ExpressibleByArgument {}
