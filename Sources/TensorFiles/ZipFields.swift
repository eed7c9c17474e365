// SPDX-License-Identifier: MIT

/// The little-endian fields of zip records, read one after the other.
struct ZipFields {
  private let bytes: [UInt8]
  private let file: String
  private let base: Int
  private var position = 0

  init(_ bytes: [UInt8], file: String, base: Int) {
    self.bytes = bytes
    self.file = file
    self.base = base
  }

  var remaining: Int { bytes.count - position }

  /// An unsigned field of `size` bytes; an 8-byte field above 2^63 comes out negative.
  mutating func integer(_ size: Int) throws(TensorFileError) -> Int {
    var value = 0
    for (index, byte) in try take(size, "record").enumerated() {
      value |= Int(byte) << (8 * index)
    }
    return value
  }

  mutating func take(_ count: Int, _ record: String) throws(TensorFileError) -> ArraySlice<UInt8> {
    guard count <= remaining else { throw failure(.recordOutsideFile(record: record)) }
    position += count
    return bytes[position - count..<position]
  }

  func failure(_ problem: ArchiveProblem) -> TensorFileError {
    .malformedArchive(file: file, offset: base + position, problem: problem)
  }

  /// One entry of the central directory.
  mutating func directoryEntry() throws(TensorFileError) -> ZipEntry {
    guard try integer(4) == 0x0201_4B50 else {
      throw failure(.badSignature(record: "directory entry"))
    }
    _ = try integer(4)
    let (flags, method) = try (integer(2), integer(2))
    _ = try integer(4)
    let checksum = UInt32(truncatingIfNeeded: try integer(4))
    var (stored, plain) = try (integer(4), integer(4))
    let (nameBytes, extraBytes, commentBytes) = try (integer(2), integer(2), integer(2))
    _ = try integer(8)
    var offset = try integer(4)
    let name = try take(nameBytes, "entry name")
    let extra = try take(extraBytes, "extra field")
    _ = try take(commentBytes, "entry comment")
    guard let text = String(validating: name, as: UTF8.self) else {
      throw failure(.nameIsNotText)
    }
    var wide = try Self.zip64Field(in: extra, file: file, base: base + position)
    // The wide field holds only the values that do not fit the narrow ones, in this order.
    if plain == 0xFFFF_FFFF, wide != nil { plain = try wide?.integer(8) ?? plain }
    if stored == 0xFFFF_FFFF, wide != nil { stored = try wide?.integer(8) ?? stored }
    if offset == 0xFFFF_FFFF, wide != nil { offset = try wide?.integer(8) ?? offset }
    return ZipEntry(
      name: text, flags: flags, method: method, checksum: checksum, storedBytes: stored,
      bytes: plain, headerOffset: offset, limit: 0)
  }

  /// The contents of the zip64 extra field, if there is one.
  private static func zip64Field(
    in extra: ArraySlice<UInt8>, file: String, base: Int
  ) throws(TensorFileError) -> ZipFields? {
    var fields = ZipFields(Array(extra), file: file, base: base)
    while fields.remaining >= 4 {
      let (id, size) = try (fields.integer(2), fields.integer(2))
      let contents = try fields.take(size, "extra field")
      if id == 1 { return ZipFields(Array(contents), file: file, base: base) }
    }
    return nil
  }
}
