// SPDX-License-Identifier: MIT

import AttentionCore

extension StageWork {
  /// Gathering the tokens of a tile side by side before attention, and putting the output back.
  ///
  /// Kernels whose tiles must be contiguous need it; those that read grid rows in place, as this
  /// project's do, need none. A model that keeps its tokens permuted pays once for `layers` layers.
  /// - Requires: `layers` is at least 1.
  public static func tokenPermutation(shape: AttentionShape, layers: Int = 1) -> StageWork {
    precondition(layers >= 1, "a permutation serves at least one layer")
    let elements = [
      shape.queryExtents, shape.keyExtents, shape.valueExtents, shape.outputExtents,
    ].reduce(0) { $0 + Extents($1).count }
    let bytes = 4 * elements / layers
    return StageWork(
      name: "permute tokens", operations: OperationCounts(), bytesRead: bytes, bytesWritten: bytes,
      parallelUnits: shape.batch * shape.queryHeads * shape.queryLength)
  }
}
