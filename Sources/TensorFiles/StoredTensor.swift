// SPDX-License-Identifier: MIT

/// A tensor as a file holds it: extents, an element type and row-major elements.
public struct StoredTensor: Sendable {
  /// Where it came from, as errors name it.
  public let source: String
  public let extents: [Int]
  public let elementType: ElementType
  let storage: ByteStorage

  /// Number of elements.
  public var count: Int { storage.bytes.count / elementType.size }

  /// Bytes of all elements.
  public var byteCount: Int { storage.bytes.count }

  init(source: String, extents: [Int], elementType: ElementType, storage: ByteStorage) {
    self.source = source
    self.extents = extents
    self.elementType = elementType
    self.storage = storage
  }

  /// A copy of row-major `elements`.
  ///
  /// - Throws: ``TensorFileError/elementCountMismatch(file:extents:count:)`` if they do not fit.
  public init<Element: StorableElement>(
    extents: [Int], elements: UnsafeBufferPointer<Element>, source: String = "array"
  ) throws(TensorFileError) {
    guard extents.allSatisfy({ $0 >= 0 }), elementCount(of: extents) == elements.count else {
      throw .elementCountMismatch(file: source, extents: extents, count: elements.count)
    }
    let raw = UnsafeRawBufferPointer(elements)
    let storage = try ByteStorage(count: raw.count, file: source)
    storage.bytes.copyMemory(from: raw)
    self.init(
      source: source, extents: extents, elementType: Element.elementType, storage: storage)
  }

  /// A copy of row-major `elements`.
  ///
  /// - Throws: ``TensorFileError/elementCountMismatch(file:extents:count:)`` if they do not fit.
  public init<Element: StorableElement>(
    extents: [Int], elements: [Element], source: String = "array"
  ) throws(TensorFileError) {
    let result = elements.withUnsafeBufferPointer { buffer in
      Result { () throws(TensorFileError) in
        try StoredTensor(extents: extents, elements: buffer, source: source)
      }
    }
    self = try result.get()
  }

  /// Calls `body` with the elements' memory: row-major, little-endian, 64-byte aligned.
  public func withBytes<Value>(_ body: (UnsafeRawBufferPointer) throws -> Value) rethrows -> Value {
    try withExtendedLifetime(storage) {
      try body(UnsafeRawBufferPointer(storage.bytes))
    }
  }

  /// The tensor itself if its extents are `extents`, where `nil` stands for any.
  ///
  /// - Throws: ``TensorFileError/wrongRank(file:expected:found:)`` or
  ///   ``TensorFileError/wrongExtents(file:expected:found:)``.
  @discardableResult
  public func expect(extents expected: [Int?]) throws(TensorFileError) -> StoredTensor {
    try expect(rank: expected.count)
    let fits = zip(expected, extents).allSatisfy { wanted, found in
      wanted.map { $0 == found } ?? true
    }
    guard fits else {
      throw .wrongExtents(file: source, expected: expected, found: extents)
    }
    return self
  }

  /// The tensor itself if it has `rank` axes.
  ///
  /// - Throws: ``TensorFileError/wrongRank(file:expected:found:)``.
  @discardableResult
  public func expect(rank: Int) throws(TensorFileError) -> StoredTensor {
    guard extents.count == rank else {
      throw .wrongRank(file: source, expected: rank, found: extents)
    }
    return self
  }

  /// The tensor itself if its elements have one of `types`.
  ///
  /// - Throws: ``TensorFileError/wrongElementType(file:expected:found:)``.
  @discardableResult
  public func expect(elementTypes types: ElementType...) throws(TensorFileError) -> StoredTensor {
    guard types.contains(elementType) else {
      throw .wrongElementType(file: source, expected: types, found: elementType)
    }
    return self
  }

  /// The index on each axis of the element at `offset` in row-major order.
  func index(ofElement offset: Int) -> [Int] {
    var rest = offset
    var index = extents
    for axis in extents.indices.reversed() {
      index[axis] = rest % extents[axis]
      rest /= extents[axis]
    }
    return index
  }
}

/// The number of elements of a tensor, or `nil` if it does not fit an `Int`.
func elementCount(of extents: [Int]) -> Int? {
  // A zero anywhere makes the tensor empty, however large the other extents are.
  if extents.contains(0) { return 0 }
  var count = 1
  for extent in extents {
    let product = count.multipliedReportingOverflow(by: extent)
    guard !product.overflow else { return nil }
    count = product.partialValue
  }
  return count
}
