// SPDX-License-Identifier: MIT

import AttentionCore

/// Keys and values in the order of places: the tensors themselves, or reordered copies.
///
/// Copies follow one order for all, or the order that a key-value head was given in the run.
final class KeyValueSource: @unchecked Sendable {
  private let shape: AttentionShape
  private let order: [Int32]?
  private let orders: HeadOrders?
  private let keys: Tensor<Float>?
  private let values: Tensor<Float>?
  private static let rowsPerUnit = 256

  init(shape: AttentionShape, geometry: SelectionGeometry, orders: HeadOrders? = nil) {
    self.shape = shape
    self.orders = orders
    order = geometry.order
    let copies = order != nil || orders != nil
    keys = copies ? Tensor(shape.keyExtents) : nil
    values = copies ? Tensor(shape.valueExtents) : nil
  }

  var bytes: Int { (keys?.byteCount ?? 0) + (values?.byteCount ?? 0) }

  /// Copies rows into their places; nothing where places are tokens.
  func phases(_ current: CurrentOperands) -> [WorkerPool.Job] {
    guard keys != nil else { return [] }
    let perHead = (shape.keyLength + Self.rowsPerUnit - 1) / Self.rowsPerUnit
    return [
      WorkerPool.Job(units: shape.batch * shape.keyValueHeads * perHead) { [self] _, unit in
        guard let operands = current.value else { return }
        let (head, part) = unit.quotientAndRemainder(dividingBy: perHead)
        copy(head: head, part: part, operands)
      }
    ]
  }

  /// Keys of a key-value head, counted over the whole batch.
  func keys(_ head: Int, _ operands: AttendOperands) -> UnsafePointer<Float> {
    UnsafePointer((keys ?? operands.key).base + head * shape.keyLength * shape.headDim)
  }

  func values(_ head: Int, _ operands: AttendOperands) -> UnsafePointer<Float> {
    UnsafePointer((values ?? operands.value).base + head * shape.keyLength * shape.valueDim)
  }

  private func copy(head: Int, part: Int, _ operands: AttendOperands) {
    guard let keys, let values else { return }
    let order = orders?.tokens(keyValueHead: head)
    let places = part * Self.rowsPerUnit..<min((part + 1) * Self.rowsPerUnit, shape.keyLength)
    for place in places {
      let token = order.map { $0[place] } ?? self.order.map { $0[place] } ?? Int32(place)
      let from = head * shape.keyLength + Int(token)
      let to = head * shape.keyLength + place
      (keys.base + to * shape.headDim).update(
        from: operands.key.base + from * shape.headDim, count: shape.headDim)
      (values.base + to * shape.valueDim).update(
        from: operands.value.base + from * shape.valueDim, count: shape.valueDim)
    }
  }
}
