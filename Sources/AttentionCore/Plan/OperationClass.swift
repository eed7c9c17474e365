// SPDX-License-Identifier: MIT

/// Kinds of work that a machine does at different rates.
public enum OperationClass: String, Hashable, Sendable, Codable, CodingKeyRepresentable,
  CaseIterable
{
  /// Multiply-adds (counted as 2) of products in Float32.
  ///
  /// On accelerators the simulator prices them at the machine's native attention precision and says
  /// so.
  case float32
  /// Multiply-adds of products in bfloat16 with Float32 accumulation.
  case bfloat16
  /// Multiply-adds of 8-bit integer products.
  case int8
  /// Multiply-adds of 4-bit integer products.
  case int4
  /// Multiply-adds of 8-bit floating-point products with sums of Float32 width.
  case fp8
  /// Multiply-adds of 8-bit floating-point products with Float16 sums.
  case fp8Narrow
  /// Multiply-adds of products of 4-bit floating-point numbers that share scales.
  case fp4
  /// Exponentials.
  case exponential
  /// Other element-wise Float32 operations: scaling, conversion, normalising.
  case elementwise
  /// Comparisons and moves of a sort or top-k.
  case compare
  /// Floating-point operations of Fourier transforms, by the convention `5 N log2 N`.
  case fourier
}

/// Operations per class; absent classes are zero.
public struct OperationCounts: Hashable, Sendable, Codable {
  public private(set) var counts: [OperationClass: Int]

  public init(_ counts: [OperationClass: Int] = [:]) {
    self.counts = counts.filter { $0.value != 0 }
  }

  public subscript(kind: OperationClass) -> Int {
    get { counts[kind] ?? 0 }
    set { counts[kind] = newValue == 0 ? nil : newValue }
  }

  /// Floating-point and integer operations of products and transforms: what papers call FLOPs.
  ///
  /// Exponentials, element-wise work and comparisons are left out, as attention papers do.
  public var products: Int {
    self[.float32] + self[.bfloat16] + self[.int8] + self[.int4] + self[.fp8]
      + self[.fp8Narrow] + self[.fp4] + self[.fourier]
  }

  public static func + (left: Self, right: Self) -> Self {
    Self(left.counts.merging(right.counts, uniquingKeysWith: +))
  }

  public init(from decoder: any Decoder) throws {
    counts = try decoder.singleValueContainer().decode([OperationClass: Int].self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(counts)
  }
}
