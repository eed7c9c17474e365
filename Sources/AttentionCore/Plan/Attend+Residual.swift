// SPDX-License-Identifier: MIT

extension Attend {
  /// What dense attention yields beyond the masked one: a tensor like the output, kept from call to
  /// call in the weight of the given name.
  public enum Residual: Hashable, Sendable {
    /// Added to the masked output.
    case reused(weight: String)
    /// Computed anew and stored; the output is the dense one.
    case refreshed(weight: String)
  }

  /// The work that the residual adds; refreshing it takes dense attention besides.
  func residualWork(shape: AttentionShape) -> [StageWork] {
    let elements = shape.batch * shape.queryHeads * shape.queryLength * shape.valueDim
    let operations = OperationCounts([.elementwise: elements])
    let rows = elements / shape.valueDim
    switch residual {
    case nil:
      return []
    case .reused:
      return [
        StageWork(
          name: "add residual", operations: operations, bytesRead: 4 * elements, bytesWritten: 0,
          parallelUnits: rows)
      ]
    case .refreshed:
      return Attend().work(shape: shape) + [
        StageWork(
          name: "store residual", operations: operations, bytesRead: 0,
          bytesWritten: 4 * elements, parallelUnits: rows)
      ]
    }
  }
}
