// SPDX-License-Identifier: MIT

/// What a reader accepts; the defaults suit attention inputs.
public struct TensorReadOptions: Hashable, Sendable {
  /// Largest array that is read, in bytes after decompression.
  public var maximumBytes = 1 << 34
  /// Whether NaN and infinity pass; otherwise the first one is an error.
  public var allowsNonFinite = false
  /// Whether a `<u2` (or two-byte void) array of a `.npy` file is read as bfloat16.
  public var readsUInt16AsBFloat16 = false

  public init(
    maximumBytes: Int = 1 << 34, allowsNonFinite: Bool = false,
    readsUInt16AsBFloat16: Bool = false
  ) {
    self.maximumBytes = maximumBytes
    self.allowsNonFinite = allowsNonFinite
    self.readsUInt16AsBFloat16 = readsUInt16AsBFloat16
  }
}
