// SPDX-License-Identifier: MIT

/// Named arrays in the `.safetensors` format: a JSON header, then the elements.
///
/// Source: the format's description in the documentation of Hugging Face *safetensors*. As there,
/// byte ranges must cover the data without gap or overlap.
public struct SafetensorsArchive: TensorArchive {
  public let file: String
  public let names: [String]
  private let source: ByteSource
  private let entries: [String: SafetensorsEntry]
  private let dataOffset: Int
  private let options: TensorReadOptions

  /// The limit of the reference implementation.
  private static let maximumHeaderBytes = 100_000_000
  private static let lengthBytes = 8

  /// Opens the file at `path` and reads its header; arrays are read when asked for.
  public init(
    path: String, options: TensorReadOptions = TensorReadOptions()
  ) throws(TensorFileError) {
    try self.init(ByteSource(path: path), options)
  }

  /// The archive in `bytes`; `file` is the name that errors carry.
  public init(
    bytes: [UInt8], file: String, options: TensorReadOptions = TensorReadOptions()
  ) throws(TensorFileError) {
    try self.init(ByteSource(bytes: bytes, file: file), options)
  }

  init(_ source: ByteSource, _ options: TensorReadOptions) throws(TensorFileError) {
    let start = try source.prefix(Self.lengthBytes + 1)
    guard TensorFileFormat(firstBytes: start) == .safetensors else {
      throw .badMagic(file: source.file, expected: .safetensors, firstBytes: start)
    }
    let length = start.prefix(Self.lengthBytes).reversed().reduce(UInt64(0)) {
      $0 << 8 | UInt64($1)
    }
    guard length <= UInt64(Self.maximumHeaderBytes) else {
      throw .malformedHeader(
        file: source.file, offset: 0,
        problem: .tooLong(bytes: Int(clamping: length), limit: Self.maximumHeaderBytes))
    }
    let header = try source.bytes(at: Self.lengthBytes, count: Int(length))
    var cursor = HeaderCursor(header, file: source.file, base: Self.lengthBytes)
    let listed = try cursor.safetensorsEntries()
    dataOffset = Self.lengthBytes + Int(length)
    try Self.checkRanges(listed, dataOffset: dataOffset, in: source)
    file = source.file
    names = listed.map(\.name)
    entries = Dictionary(uniqueKeysWithValues: listed.map { ($0.name, $0) })
    self.source = source
    self.options = options
  }

  public func tensor(_ name: String) throws(TensorFileError) -> StoredTensor {
    guard let entry = entries[name] else {
      throw .missingArray(file: file, name: name, available: names)
    }
    let label = "\(file):\(name)"
    guard let type = Self.types[entry.typeName] else {
      throw .unknownElementType(file: label, name: entry.typeName)
    }
    let bytes = try checkedByteCount(
      extents: entry.extents, elementType: type, file: label, options: options)
    guard bytes == entry.end - entry.begin else {
      throw .malformedHeader(
        file: label, offset: entry.place,
        problem: .wrongRangeSize(name: name, bytes: entry.end - entry.begin, expected: bytes))
    }
    let storage = try ByteStorage(count: bytes, file: label)
    try source.read(at: dataOffset + entry.begin, into: storage.bytes)
    let tensor = StoredTensor(
      source: label, extents: entry.extents, elementType: type, storage: storage)
    return options.allowsNonFinite ? tensor : try tensor.requireFinite()
  }

  private static let types: [String: ElementType] = [
    "F16": .float16, "F32": .float32, "F64": .float64, "BF16": .bfloat16,
    "I8": .int8, "U8": .uint8, "I32": .int32, "I64": .int64,
  ]

  private static func checkRanges(
    _ entries: [SafetensorsEntry], dataOffset: Int, in source: ByteSource
  ) throws(TensorFileError) {
    var position = 0
    for entry in entries.sorted(by: { ($0.begin, $0.end) < ($1.begin, $1.end) }) {
      guard entry.begin == position, entry.end >= entry.begin else {
        throw .malformedHeader(
          file: source.file, offset: entry.place,
          problem: .unorderedRange(
            name: entry.name, begin: entry.begin, end: entry.end, expectedBegin: position))
      }
      position = entry.end
    }
    let found = source.count - dataOffset
    guard position <= found else {
      throw .truncated(file: source.file, expectedBytes: position, foundBytes: found)
    }
    guard position == found else {
      throw .trailingBytes(file: source.file, expectedBytes: position, foundBytes: found)
    }
  }
}
