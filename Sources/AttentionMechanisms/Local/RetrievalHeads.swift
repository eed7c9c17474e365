// SPDX-License-Identifier: MIT

import AttentionCore

/// Parameters of mechanisms in which some heads keep every key and the others sinks and a window.
public protocol StreamingParameters: MechanismParameters {
  /// Key-value heads that keep every key; a drawn share of them if none is named.
  var retrievalHeads: HeadSet { get set }
  var retrievalShare: Double { get set }
  /// First and recent keys that the other heads keep.
  var sinks: Int { get set }
  var window: Int { get set }
  var seed: Int { get set }
}

extension StreamingParameters {
  public static var fields: [ParameterField<Self>] {
    [
      ParameterField("retrievalHeads", \.retrievalHeads, "Key-value heads that keep every key."),
      ParameterField(
        "retrievalShare", \.retrievalShare, "Share of such heads if none is named."),
      ParameterField("sinks", \.sinks, "First keys that the other heads keep."),
      ParameterField("window", \.window, "Recent keys that the other heads keep, at least."),
      ParameterField("seed", \.seed, "Seed of the drawn retrieval heads."),
    ]
  }
}

/// Which key-value heads keep all their keys: given ones, or those whose drawn gates are highest.
///
/// Published methods find these heads with calibration data; without it gates come from a seed.
struct RetrievalHeads {
  /// Key-value heads that keep everything.
  private let heads: Set<Int>
  private let headGroup: Int

  /// - Throws: ``MechanismError/outOfRange(parameter:value:rule:)`` for sizes below 0 (a window: 1),
  ///   a share outside 0...1 or a head that does not exist.
  init(
    _ parameters: some StreamingParameters, stream: String, shape: AttentionShape
  ) throws(MechanismError) {
    try Self.require("sinks", parameters.sinks, atLeast: 0)
    try Self.require("window", parameters.window, atLeast: 1)
    let (given, share) = (parameters.retrievalHeads, parameters.retrievalShare)
    guard (0...1).contains(share) else {
      throw .outOfRange(
        parameter: "retrievalShare", value: "\(share)", rule: "it must lie in 0...1")
    }
    guard given.heads.allSatisfy({ (0..<shape.keyValueHeads).contains($0) }) else {
      throw .outOfRange(
        parameter: "retrievalHeads", value: given.parameterText,
        rule: "key-value heads are 0...\(shape.keyValueHeads - 1)")
    }
    headGroup = shape.headGroup
    guard given.heads.isEmpty else {
      heads = given.heads
      return
    }
    var generator = SplitMix64(
      seed: Seed(UInt64(bitPattern: Int64(parameters.seed))).child("\(stream)/gates"))
    let order = (0..<shape.keyValueHeads).shuffled(using: &generator)
    heads = Set(order.prefix(Int((share * Double(shape.keyValueHeads)).rounded())))
  }

  private static func require(
    _ parameter: String, _ value: Int, atLeast least: Int
  ) throws(MechanismError) {
    guard value >= least else {
      throw .outOfRange(
        parameter: parameter, value: "\(value)", rule: "it must be at least \(least)")
    }
  }

  /// Whether query head `head` of one batch element keeps every key.
  func keepEverything(_ head: Int) -> Bool { heads.contains(head / headGroup) }
}
