// SPDX-License-Identifier: MIT

/// A contiguous, row-major tensor that owns 64-byte aligned storage, on huge pages where it is large.
///
/// New storage is filled with NaN (integers: the smallest value), so an element that nobody wrote
/// cannot pass for a result. It is a class because storage has identity: nothing is copied when a
/// tensor is handed on. One writer at a time is the caller's duty.
public final class Tensor<Element: TensorElement>: @unchecked Sendable {
  public let extents: [Int]
  public let elements: UnsafeMutableBufferPointer<Element>

  public init(_ extents: [Int]) {
    self.extents = extents
    let count = extents.reduce(1, *)
    let bytes = max((count * MemoryLayout<Element>.stride + 63) & ~63, 64)
    let raw = NumberMemory.allocate(byteCount: bytes)
    let typed = raw.bindMemory(to: Element.self, capacity: bytes / MemoryLayout<Element>.stride)
    typed.initialize(repeating: Element.poison, count: bytes / MemoryLayout<Element>.stride)
    elements = UnsafeMutableBufferPointer(start: typed, count: count)
  }

  /// - Requires: `values` has as many elements as `extents` describe.
  public convenience init(_ extents: [Int], _ values: some Collection<Element>) {
    self.init(extents)
    precondition(values.count == elements.count, "values do not fit the extents")
    _ = elements.update(fromContentsOf: values)
  }

  deinit {
    UnsafeMutableRawPointer(base).deallocate()
  }

  /// The address of the first element.
  public var base: UnsafeMutablePointer<Element> {
    // A buffer made by `init` always has an address: at least 64 bytes are allocated.
    elements.baseAddress.unsafelyUnwrapped
  }

  public var count: Int { elements.count }
  public var byteCount: Int { count * MemoryLayout<Element>.stride }

  public subscript(index: Int) -> Element {
    get { elements[index] }
    set { elements[index] = newValue }
  }

  /// The address of `[batch, head, 0, 0]` of a rank-4 tensor.
  public func matrix(batch: Int, head: Int) -> UnsafeMutablePointer<Element> {
    base + (batch * extents[1] + head) * extents[2] * extents[3]
  }

  /// The elements in a Swift array.
  public var array: [Element] {
    // The buffer does not keep its owner alive.
    withExtendedLifetime(self) { Array(elements) }
  }

  /// Fills the tensor with the value that marks unwritten elements.
  public func poison() {
    elements.update(repeating: Element.poison)
  }
}

/// A number that a ``Tensor`` can hold.
public protocol TensorElement: BitwiseCopyable, Sendable {
  /// The value of an element that nobody wrote.
  static var poison: Self { get }
}

extension Float: TensorElement {
  public static var poison: Float { .nan }
}

extension Double: TensorElement {
  public static var poison: Double { .nan }
}

extension Int8: TensorElement {
  public static var poison: Int8 { .min }
}

extension UInt8: TensorElement {
  public static var poison: UInt8 { .max }
}

/// The upper half of a Float: 8 bits of exponent, 7 of mantissa.
public struct BFloat16: TensorElement, Hashable {
  public var bits: UInt16

  public init(bits: UInt16) {
    self.bits = bits
  }

  /// The nearest value, ties to even; NaN stays NaN.
  public init(_ value: Float) {
    guard !value.isNaN else {
      bits = 0x7FC0
      return
    }
    let pattern = value.bitPattern
    bits = UInt16(truncatingIfNeeded: (pattern &+ 0x7FFF &+ (pattern >> 16 & 1)) >> 16)
  }

  public var float: Float { Float(bitPattern: UInt32(bits) << 16) }
  public static var poison: BFloat16 { BFloat16(bits: 0x7FC0) }
}
