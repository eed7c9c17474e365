// SPDX-License-Identifier: MIT

/// The element types that tensor files may hold.
public enum ElementType: String, Hashable, Sendable, CaseIterable {
  case float32, float64, float16
  /// Kept by `.npy` as `<u2`, because NumPy has no such type; see
  /// ``TensorReadOptions/readsUInt16AsBFloat16``.
  case bfloat16
  case int8, uint8, int32, int64

  /// Bytes of one element.
  public var size: Int {
    switch self {
    case .int8, .uint8: 1
    case .float16, .bfloat16: 2
    case .float32, .int32: 4
    case .float64, .int64: 8
    }
  }

  /// Whether elements may be NaN or infinite.
  public var isFloatingPoint: Bool {
    switch self {
    case .float32, .float64, .float16, .bfloat16: true
    case .int8, .uint8, .int32, .int64: false
    }
  }
}

/// A Swift type whose memory is the memory of one stored element.
///
/// `UInt16` stands for the bits of a bfloat16: the only 16-bit integer in these files.
public protocol StorableElement: BitwiseCopyable, Sendable {
  static var elementType: ElementType { get }
}

extension Float: StorableElement {
  public static var elementType: ElementType { .float32 }
}

extension Double: StorableElement {
  public static var elementType: ElementType { .float64 }
}

extension Float16: StorableElement {
  public static var elementType: ElementType { .float16 }
}

extension UInt16: StorableElement {
  public static var elementType: ElementType { .bfloat16 }
}

extension Int8: StorableElement {
  public static var elementType: ElementType { .int8 }
}

extension UInt8: StorableElement {
  public static var elementType: ElementType { .uint8 }
}

extension Int32: StorableElement {
  public static var elementType: ElementType { .int32 }
}

extension Int64: StorableElement {
  public static var elementType: ElementType { .int64 }
}
