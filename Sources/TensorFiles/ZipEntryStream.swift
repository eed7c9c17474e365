// SPDX-License-Identifier: MIT

import CZlib

/// The bytes of one archive entry, decompressed as they are read, with their checksum.
final class ZipEntryStream: ByteStream {
  let file: String
  let count: Int
  private let contents: any ByteStream
  private let declaredChecksum: UInt32
  private var checksum: UInt = 0

  init(_ source: ByteSource, _ entry: ZipEntry, file: String) throws(TensorFileError) {
    guard entry.flags & 1 == 0 else { throw .encryptedEntry(file: file) }
    let start = try Self.dataOffset(source, entry)
    let stored = RangeStream(source, offset: start, count: entry.storedBytes, file: file)
    switch entry.method {
    case 0:
      guard entry.storedBytes == entry.bytes else {
        throw .corruptCompression(
          file: file,
          reason: "a stored entry declares \(entry.bytes) bytes and has \(entry.storedBytes)")
      }
      contents = stored
    case 8:
      contents = try InflateStream(stored, count: entry.bytes)
    default:
      throw .unsupportedCompression(file: file, method: entry.method)
    }
    self.file = file
    count = entry.bytes
    declaredChecksum = entry.checksum
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TensorFileError) {
    // In parts that are still in cache when their checksum is computed.
    for start in stride(from: 0, to: buffer.count, by: Self.partBytes) {
      let end = min(start + Self.partBytes, buffer.count)
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[start..<end])
      try contents.read(into: part)
      let bytes = part.bindMemory(to: UInt8.self)
      checksum = crc32_z(checksum, bytes.baseAddress, bytes.count)
    }
  }

  private static let partBytes = 1 << 18

  func finish() throws(TensorFileError) {
    try contents.finish()
    let computed = UInt32(truncatingIfNeeded: checksum)
    guard computed == declaredChecksum else {
      throw .checksumMismatch(file: file, declared: declaredChecksum, computed: computed)
    }
  }

  /// Where the entry's data begin, after a local header that must agree with the directory.
  private static func dataOffset(
    _ source: ByteSource, _ entry: ZipEntry
  ) throws(TensorFileError) -> Int {
    let available = entry.limit - entry.headerOffset
    var fields = ZipFields(
      try source.bytes(at: entry.headerOffset, count: available.clamped(to: 0...(1 << 17) + 30)),
      file: source.file, base: entry.headerOffset)
    guard try fields.integer(4) == 0x0403_4B50 else {
      throw fields.failure(.badSignature(record: "local header of '\(entry.name)'"))
    }
    _ = try fields.integer(2)
    let (flags, method) = try (fields.integer(2), fields.integer(2))
    _ = try fields.integer(4)
    let checksum = UInt32(truncatingIfNeeded: try fields.integer(4))
    let (stored, plain) = try (fields.integer(4), fields.integer(4))
    let (nameBytes, extraBytes) = try (fields.integer(2), fields.integer(2))
    let name = try fields.take(nameBytes, "entry name")
    var disagreement: String?
    // Bit 3: checksum and sizes follow the data, and the local header holds zeros.
    if flags & 8 == 0 {
      if checksum != entry.checksum { disagreement = "checksum" }
      if stored != 0xFFFF_FFFF, stored != entry.storedBytes { disagreement = "stored size" }
      if plain != 0xFFFF_FFFF, plain != entry.bytes { disagreement = "size" }
    }
    if method != entry.method { disagreement = "compression method" }
    if !name.elementsEqual(entry.name.utf8) { disagreement = "name" }
    if let disagreement {
      throw fields.failure(.localHeaderDisagrees(entry: entry.name, field: disagreement))
    }
    let start = entry.headerOffset + ZipDirectory.localHeaderBytes + nameBytes + extraBytes
    guard entry.storedBytes <= entry.limit - start else {
      throw fields.failure(.recordOutsideFile(record: "data of '\(entry.name)'"))
    }
    return start
  }
}

extension Int {
  fileprivate func clamped(to range: ClosedRange<Int>) -> Int {
    Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
  }
}
