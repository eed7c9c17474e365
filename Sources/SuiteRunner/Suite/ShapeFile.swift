// SPDX-License-Identifier: MIT

import AttentionCore
import Configuration

/// The sizes that a suite file or an option list gives; what is absent follows from the rest.
public struct ShapeFile: Hashable, Sendable {
  public var batch: Int?
  public var heads: Int?
  public var keyValueHeads: Int?
  public var length: Int?
  public var keyLength: Int?
  public var headDim: Int?
  public var valueDim: Int?
  public var causality = Causality.none
  public var grid: Extents?
  public var scale: Double?

  public init() {}

  static let keys = [
    "batch", "heads", "keyValueHeads", "length", "keyLength", "headDim", "valueDim", "causal",
    "causalAlignment", "grid", "scale",
  ]

  static func overrides(_ node: ConfigurationNode) throws(ConfigurationFailure) -> ShapeFile {
    let map = try node.mapping(keys: keys)
    let sizes = 1...Int(Int32.max)
    var file = ShapeFile()
    file.batch = try map.optional("batch")?.integer(in: sizes)
    file.heads = try map.optional("heads")?.integer(in: sizes)
    file.keyValueHeads = try map.optional("keyValueHeads")?.integer(in: sizes)
    file.length = try map.optional("length")?.integer(in: sizes)
    file.keyLength = try map.optional("keyLength")?.integer(in: sizes)
    file.headDim = try map.optional("headDim")?.integer(in: sizes)
    file.valueDim = try map.optional("valueDim")?.integer(in: sizes)
    file.scale = try map.optional("scale")?.number()
    if let grid = map.optional("grid") { file.grid = Extents(try grid.extents(rank: 1...3)) }
    guard try map.optional("causal")?.boolean() ?? false else { return file }
    let alignment = try map.optional("causalAlignment")?.choice(
      among: ["bottom-right", "top-left"])
    file.causality = alignment == "top-left" ? .topLeft : .bottomRight
    return file
  }

  /// The shape with what is absent taken from captured tensors or from defaults.
  func shape(
    input: InputSpecification, at node: ConfigurationNode
  ) throws(ConfigurationFailure) -> AttentionShape {
    var file = self
    if case .captured(let captured) = input {
      for (name, given, found) in captured.comparisons(with: self) where given != found {
        throw node.failure("\(name) is \(given), but \(captured.name) has \(found)")
      }
      file = captured.completing(self)
    }
    guard let length = file.length ?? file.grid?.checkedCount else {
      throw node.failure("a shape needs 'length' or 'grid'")
    }
    guard let headDim = file.headDim else {
      throw node.failure("a shape needs 'headDim'")
    }
    do {
      return try AttentionShape(
        batch: file.batch ?? 1, queryHeads: file.heads ?? 1, keyValueHeads: file.keyValueHeads,
        queryLength: length, keyLength: file.keyLength, headDim: headDim, valueDim: file.valueDim,
        causality: file.causality, grid: file.grid, scale: file.scale)
    } catch {
      throw node.failure(error.description)
    }
  }
}
