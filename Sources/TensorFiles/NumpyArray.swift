// SPDX-License-Identifier: MIT

/// One array in NumPy's `.npy` format, versions 1.0, 2.0 and 3.0.
///
/// Source: NumPy Enhancement Proposal 1 and the documentation of `numpy.lib.format`.
public enum NumpyArray {
  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  /// A header of three keys and 64 axes needs less than 2 KiB; more is not a header.
  static let maximumHeaderBytes = 1 << 16

  /// The array in the file at `path`, in row-major order whatever the order in the file.
  public static func read(
    path: String, options: TensorReadOptions = TensorReadOptions()
  ) throws(TensorFileError) -> StoredTensor {
    try read(RangeStream(ByteSource(path: path)), options)
  }

  /// The array in `bytes`; `file` is the name that errors carry.
  public static func read(
    bytes: [UInt8], file: String, options: TensorReadOptions = TensorReadOptions()
  ) throws(TensorFileError) -> StoredTensor {
    try read(RangeStream(ByteSource(bytes: bytes, file: file)), options)
  }

  static func read(
    _ stream: some ByteStream, _ options: TensorReadOptions
  ) throws(TensorFileError) -> StoredTensor {
    let (header, headerBytes) = try readHeader(stream)
    let element = try NumpyElement(
      descriptor: header.descriptor, file: stream.file, options: options)
    let bytes = try checkedByteCount(
      extents: header.extents, elementType: element.type, file: stream.file, options: options)
    let expected = headerBytes.addingReportingOverflow(bytes)
    guard !expected.overflow, expected.partialValue <= stream.count else {
      throw .truncated(
        file: stream.file, expectedBytes: expected.overflow ? .max : expected.partialValue,
        foundBytes: stream.count)
    }
    guard expected.partialValue == stream.count else {
      throw .trailingBytes(
        file: stream.file, expectedBytes: expected.partialValue, foundBytes: stream.count)
    }
    var storage = try ByteStorage(count: bytes, file: stream.file)
    try stream.read(into: storage.bytes)
    try stream.finish()
    if element.isBigEndian { storage.swapBytes(elementSize: element.type.size) }
    if header.isFortranOrder {
      storage = try storage.rowMajor(
        extents: header.extents, elementSize: element.type.size, file: stream.file)
    }
    let tensor = StoredTensor(
      source: stream.file, extents: header.extents, elementType: element.type, storage: storage)
    return options.allowsNonFinite ? tensor : try tensor.requireFinite()
  }

  /// The header and its length in bytes, with everything before it.
  private static func readHeader(
    _ stream: some ByteStream
  ) throws(TensorFileError) -> (NumpyHeader, Int) {
    let start = try stream.bytes(min(stream.count, magic.count + 2))
    guard start.starts(with: magic) else {
      throw .badMagic(file: stream.file, expected: .npy, firstBytes: start)
    }
    guard start.count == magic.count + 2 else {
      throw .truncated(
        file: stream.file, expectedBytes: magic.count + 4, foundBytes: stream.count)
    }
    let (major, minor) = (Int(start[magic.count]), Int(start[magic.count + 1]))
    guard (1...3).contains(major), minor == 0 else {
      throw .unsupportedVersion(file: stream.file, major: major, minor: minor)
    }
    let lengthBytes = major == 1 ? 2 : 4
    let base = start.count + lengthBytes
    guard base <= stream.count else {
      throw .truncated(file: stream.file, expectedBytes: base, foundBytes: stream.count)
    }
    let length = try stream.bytes(lengthBytes).reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= maximumHeaderBytes else {
      throw .malformedHeader(
        file: stream.file, offset: start.count,
        problem: .tooLong(bytes: length, limit: maximumHeaderBytes))
    }
    guard base + length <= stream.count else {
      throw .truncated(file: stream.file, expectedBytes: base + length, foundBytes: stream.count)
    }
    let header = try NumpyHeader(stream.bytes(length), file: stream.file, base: base)
    return (header, base + length)
  }
}
