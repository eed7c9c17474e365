// SPDX-License-Identifier: MIT

/// What a mechanism is applied to.
public enum AttentionInputs: Sendable {
  /// `[batch, queryHeads, queryLength, headDim]`, `[batch, keyValueHeads, keyLength, headDim]`,
  /// `[batch, keyValueHeads, keyLength, valueDim]`.
  case queryKeyValue(query: Tensor<Float>, key: Tensor<Float>, value: Tensor<Float>)
  /// Token features `[batch, sequence, channels]`.
  case tokens(Tensor<Float>)
}

/// Which inputs a mechanism takes.
public enum InputKind: String, Hashable, Sendable, Codable {
  case queryKeyValue = "qkv"
  case tokens = "x"
}

/// Named weights of a mechanism, such as Performer's `projection`.
public struct WeightSet: Sendable {
  public var tensors: [String: Tensor<Float>]

  public init(_ tensors: [String: Tensor<Float>] = [:]) {
    self.tensors = tensors
  }

  /// - Requires: the mechanism declared and filled the weight; ``AttentionInputs`` are checked before.
  public subscript(name: String) -> Tensor<Float> {
    guard let tensor = tensors[name] else {
      preconditionFailure("weight \(name) is missing")
    }
    return tensor
  }
}

/// Name, shape and meaning of one weight at a given problem shape.
public struct WeightSpecification: Hashable, Sendable {
  public let name: String
  public let extents: [Int]
  /// The shape in words, such as `[features, headDim]`.
  public let layout: String
  /// What the weight is and how it is drawn from the seed when absent.
  public let meaning: String

  public init(name: String, extents: [Int], layout: String, meaning: String) {
    self.name = name
    self.extents = extents
    self.layout = layout
    self.meaning = meaning
  }
}

/// Blocks that a selecting mechanism chose, per list head and row unit.
///
/// `ids` is `[lists * rows * capacity]`; unused places hold -1, ids ascend.
public struct Selection: Sendable {
  public let rows: Int
  public let capacity: Int
  /// Query heads that share one list, 1 where each has its own.
  public let headsPerList: Int
  public let ids: [Int32]
  /// Token at every place, list head by list head, where every one has an order of its own.
  public let orders: [Int32]?
  /// Chosen blocks whose values a filter left out, where there is one.
  public let leftOut: LeftOutBlocks?

  public init(
    rows: Int, capacity: Int, headsPerList: Int = 1, ids: [Int32], orders: [Int32]? = nil,
    leftOut: LeftOutBlocks? = nil
  ) {
    self.leftOut = leftOut
    self.rows = rows
    self.capacity = capacity
    self.headsPerList = headsPerList
    self.ids = ids
    self.orders = orders
  }

  /// The token at every place of one query head, counted over the whole batch; nil where heads
  /// have no order of their own.
  public func order(head: Int, queryLength: Int) -> ArraySlice<Int32>? {
    orders.map { $0.dropFirst(head / headsPerList * queryLength).prefix(queryLength) }
  }

  /// The ids chosen for one row unit of one query head, counted over the whole batch.
  public func blocks(head: Int, row: Int) -> [Int] {
    let start = (head / headsPerList * rows + row) * capacity
    return ids[start..<start + capacity].filter { $0 >= 0 }.map(Int.init)
  }
}
