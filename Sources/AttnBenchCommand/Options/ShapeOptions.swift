// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionCore
import SuiteRunner

extension Extents: ExpressibleByArgument {
  public init?(argument: String) {
    self.init(argument)
  }
}

/// Mechanism parameters as `--set name=value`.
struct ParameterOptions: ParsableArguments {
  @Option(
    name: .customLong("set"), parsing: .upToNextOption,
    help: ArgumentHelp("Parameters of the mechanism, such as window=7x7.", valueName: "name=value"))
  var settings: [String] = []

  func overrides() throws -> [String: String] {
    var overrides: [String: String] = [:]
    for setting in settings {
      let parts = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty else {
        throw Refusal.usage("--set \(setting): write name=value, such as --set window=7x7")
      }
      guard overrides.updateValue(String(parts[1]), forKey: String(parts[0])) == nil else {
        throw Refusal.usage("--set \(parts[0]) is given twice")
      }
    }
    return overrides
  }
}

/// Sizes of one problem on the command line.
struct ShapeOptions: ParsableArguments {
  @Option(help: "Tokens of the sequence; follows from --grid where that is given.")
  var length: Int?
  @Option(help: "Key tokens, where they differ from --length.")
  var keyLength: Int?
  @Option(help: "Query heads.")
  var heads = 8
  @Option(help: "Key-value heads; query heads must be a multiple.")
  var keyValueHeads: Int?
  @Option(help: "Width of a head.")
  var headDim = 64
  @Option(help: "Width of a value row, where it differs.")
  var valueDim: Int?
  @Option(help: "Batch.")
  var batch = 1
  @Option(help: "Token grid such as 30x48x80, outermost axis first.")
  var grid: Extents?
  @Flag(help: "No query sees a later key.")
  var causal = false
  @Option(help: "Factor of the scores; default 1 / sqrt(headDim).")
  var scale: Double?

  func shape() throws -> AttentionShape {
    if let grid {
      guard !grid.values.contains(where: { $0 < 1 }) else {
        throw Refusal.usage("--grid \(grid): every axis must be at least 1")
      }
      guard grid.checkedCount != nil else {
        throw Refusal.usage("--grid \(grid): its tokens exceed 64 bits; reduce an axis")
      }
    }
    guard let length = length ?? grid?.checkedCount else {
      throw Refusal.usage("give --length or --grid")
    }
    return try AttentionShape(
      batch: batch, queryHeads: heads, keyValueHeads: keyValueHeads, queryLength: length,
      keyLength: keyLength, headDim: headDim, valueDim: valueDim,
      causality: causal ? .bottomRight : .none, grid: grid, scale: scale)
  }
}
