// SPDX-License-Identifier: MIT

/// The order of the axes of a stored query, key, value or output: B batch, H heads, N tokens,
/// D width of a head.
public enum TensorLayout: String, Hashable, Sendable, CaseIterable {
  case batchHeadsTokens = "BHND"
  case batchTokensHeads = "BNHD"
  case headsTokens = "HND"
  case tokensHeads = "NHD"

  /// Axes that a tensor of this layout has.
  public var rank: Int { rawValue.count }

  /// Whether tokens come before heads.
  private var hasTokensFirst: Bool { self == .batchTokensHeads || self == .tokensHeads }

  /// The axes in words, such as `batch, heads, tokens, width`.
  var axes: String {
    let names: [Character: String] = ["B": "batch", "H": "heads", "N": "tokens", "D": "width"]
    return rawValue.compactMap { names[$0] }.joined(separator: ", ")
  }

  /// `tensor`, which has this layout, as `[batch, heads, tokens, width]`.
  ///
  /// - Throws: ``TensorFileError/wrongLayout(file:layout:found:)`` if it has another number of axes.
  public func standard(_ tensor: StoredTensor) throws(TensorFileError) -> StoredTensor {
    guard tensor.extents.count == rank else {
      throw .wrongLayout(file: tensor.source, layout: self, found: tensor.extents)
    }
    let whole = rank == 4 ? tensor : tensor.reshaped([1] + tensor.extents)
    return hasTokensFirst ? try whole.swappingMiddleAxes() : whole
  }

  /// `tensor`, which is `[batch, heads, tokens, width]`, in this layout.
  ///
  /// - Requires: four axes, and a batch of 1 where this layout has none.
  public func arranged(_ tensor: StoredTensor) throws(TensorFileError) -> StoredTensor {
    let ordered = hasTokensFirst ? try tensor.swappingMiddleAxes() : tensor
    return rank == 4 ? ordered : ordered.reshaped(Array(ordered.extents.dropFirst()))
  }
}

extension StoredTensor {
  /// The same elements with other extents of the same product.
  fileprivate func reshaped(_ extents: [Int]) -> StoredTensor {
    StoredTensor(source: source, extents: extents, elementType: elementType, storage: storage)
  }

  /// The tensor with the second and the third of its four axes exchanged.
  fileprivate func swappingMiddleAxes() throws(TensorFileError) -> StoredTensor {
    let (outer, rows, columns) = (extents[0], extents[1], extents[2])
    let result = try ByteStorage(count: byteCount, file: source)
    let width = extents[3] * elementType.size
    for block in 0..<outer {
      for row in 0..<rows {
        for column in 0..<columns {
          let from = ((block * rows + row) * columns + column) * width
          let to = ((block * columns + column) * rows + row) * width
          UnsafeMutableRawBufferPointer(rebasing: result.bytes[to..<(to + width)])
            .copyMemory(
              from: UnsafeRawBufferPointer(rebasing: storage.bytes[from..<(from + width)]))
        }
      }
    }
    return StoredTensor(
      source: source, extents: [outer, columns, rows, extents[3]], elementType: elementType,
      storage: result)
  }
}
