// SPDX-License-Identifier: MIT

extension StoredTensor {
  /// The elements as `Float`, rounded to nearest from wider floating-point types.
  ///
  /// - Throws: ``TensorFileError/notRepresentable(file:index:value:target:)`` for a finite value
  ///   beyond the range of `Float` and for an integer that `Float` does not hold exactly.
  public func floats() throws(TensorFileError) -> [Float] {
    try [Float](unsafeUninitializedCapacity: count) { buffer, filled throws(TensorFileError) in
      try copyFloats(to: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      filled = count
    }
  }

  /// The elements as `Double`.
  ///
  /// - Throws: ``TensorFileError/notRepresentable(file:index:value:target:)`` for an integer that
  ///   `Double` does not hold exactly.
  public func doubles() throws(TensorFileError) -> [Double] {
    try [Double](unsafeUninitializedCapacity: count) { buffer, filled throws(TensorFileError) in
      try copyDoubles(to: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      filled = count
    }
  }

  /// The elements as `Int`, for codes and indices.
  ///
  /// - Throws: ``TensorFileError/wrongElementType(file:expected:found:)`` unless they are integers.
  public func integers() throws(TensorFileError) -> [Int] {
    switch elementType {
    case .int8: storage.elements(as: Int8.self).map { Int($0) }
    case .uint8: storage.elements(as: UInt8.self).map { Int($0) }
    case .int32: storage.elements(as: Int32.self).map { Int($0) }
    case .int64: storage.elements(as: Int64.self).map { Int($0) }
    case .float32, .float64, .float16, .bfloat16:
      throw .wrongElementType(
        file: source, expected: [.int8, .uint8, .int32, .int64], found: elementType)
    }
  }

  /// The elements in the type they are stored in.
  ///
  /// - Throws: ``TensorFileError/wrongElementType(file:expected:found:)`` if that is another type.
  public func elements<Element: StorableElement>(
    as type: Element.Type
  ) throws(TensorFileError) -> [Element] {
    try expect(elementTypes: Element.elementType)
    return Array(storage.elements(as: type))
  }

  /// Writes what ``floats()`` returns to memory that the caller owns, of exactly `count` elements.
  public func copyFloats(
    to destination: UnsafeMutableBufferPointer<Float>
  ) throws(TensorFileError) {
    try checkCount(destination.count)
    switch elementType {
    case .float32:
      _ = destination.update(fromContentsOf: storage.elements(as: Float.self))
    case .float64:
      try convert(to: destination) { (value: Double) in
        let rounded = Float(value)
        return rounded.isInfinite && value.isFinite ? nil : rounded
      }
    case .float16: try convert(to: destination) { (value: Float16) in Float(value) }
    case .bfloat16: try convert(to: destination, float(fromBFloat16:))
    case .int8: try convert(to: destination) { (value: Int8) in Float(value) }
    case .uint8: try convert(to: destination) { (value: UInt8) in Float(value) }
    case .int32: try convert(to: destination) { (value: Int32) in Float(exactly: value) }
    case .int64: try convert(to: destination) { (value: Int64) in Float(exactly: value) }
    }
  }

  /// Writes what ``doubles()`` returns to memory that the caller owns, of exactly `count` elements.
  public func copyDoubles(
    to destination: UnsafeMutableBufferPointer<Double>
  ) throws(TensorFileError) {
    try checkCount(destination.count)
    switch elementType {
    case .float64:
      _ = destination.update(fromContentsOf: storage.elements(as: Double.self))
    case .float32: try convert(to: destination) { (value: Float) in Double(value) }
    case .float16: try convert(to: destination) { (value: Float16) in Double(value) }
    case .bfloat16: try convert(to: destination) { Double(float(fromBFloat16: $0)) }
    case .int8: try convert(to: destination) { (value: Int8) in Double(value) }
    case .uint8: try convert(to: destination) { (value: UInt8) in Double(value) }
    case .int32: try convert(to: destination) { (value: Int32) in Double(value) }
    case .int64: try convert(to: destination) { (value: Int64) in Double(exactly: value) }
    }
  }

  /// The tensor itself if every element is finite.
  ///
  /// - Throws: ``TensorFileError/nonFinite(file:index:value:)`` with the first that is not.
  @discardableResult
  public func requireFinite() throws(TensorFileError) -> StoredTensor {
    let found: (offset: Int, value: Float)? =
      switch elementType {
      case .float32: firstNonFinite { (value: Float) in value }
      case .float64: firstNonFinite { (value: Double) in value.isFinite ? 0 : Float(value) }
      case .float16: firstNonFinite { (value: Float16) in value.isFinite ? 0 : Float(value) }
      case .bfloat16: firstNonFinite(float(fromBFloat16:))
      case .int8, .uint8, .int32, .int64: nil
      }
    guard let found else { return self }
    let name = found.value.isNaN ? "NaN" : found.value < 0 ? "-infinity" : "infinity"
    throw .nonFinite(file: source, index: index(ofElement: found.offset), value: name)
  }

  private func firstNonFinite<Stored: StorableElement>(
    _ float: (Stored) -> Float
  ) -> (offset: Int, value: Float)? {
    let values = storage.elements(as: Stored.self)
    guard let offset = values.firstIndex(where: { !float($0).isFinite }) else { return nil }
    return (offset, float(values[offset]))
  }

  private func convert<Stored: StorableElement, Target: StorableElement>(
    to destination: UnsafeMutableBufferPointer<Target>, _ transform: (Stored) -> Target?
  ) throws(TensorFileError) {
    let values = storage.elements(as: Stored.self)
    for offset in values.indices {
      guard let value = transform(values[offset]) else {
        throw .notRepresentable(
          file: source, index: index(ofElement: offset), value: "\(values[offset])",
          target: Target.elementType)
      }
      destination[offset] = value
    }
  }

  private func checkCount(_ count: Int) throws(TensorFileError) {
    guard count == self.count else {
      throw .elementCountMismatch(file: source, extents: extents, count: count)
    }
  }
}

/// A bfloat16 is the upper half of a Float.
private func float(fromBFloat16 bits: UInt16) -> Float {
  Float(bitPattern: UInt32(bits) << 16)
}
