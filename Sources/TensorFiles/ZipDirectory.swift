// SPDX-License-Identifier: MIT

/// One file of a zip archive, as its central directory describes it.
struct ZipEntry {
  let name: String
  let flags: Int
  let method: Int
  let checksum: UInt32
  let storedBytes: Int
  let bytes: Int
  let headerOffset: Int
  /// First byte after the entry that belongs to something else.
  var limit: Int
}

/// The central directory of a zip archive, with zip64 sizes.
///
/// Stricter than the format demands: entries may not share bytes, and the directory and the end
/// record must follow each other without a gap.
/// Source: PKWARE, *.ZIP File Format Specification* (APPNOTE.TXT) 6.3.10, sections 4.3 and 4.5.3.
struct ZipDirectory {
  private(set) var entries: [ZipEntry]

  init(_ source: ByteSource) throws(TensorFileError) {
    let end = try ZipEndRecord(source)
    guard end.directoryOffset >= 0, end.directoryBytes >= 0,
      end.directoryOffset <= end.offset, end.directoryBytes == end.offset - end.directoryOffset,
      end.directoryBytes <= Self.maximumBytes
    else {
      throw .malformedArchive(
        file: source.file, offset: end.offset,
        problem: .recordOutsideFile(record: "central directory"))
    }
    let bytes = try source.bytes(at: end.directoryOffset, count: end.directoryBytes)
    var fields = ZipFields(bytes, file: source.file, base: end.directoryOffset)
    entries = []
    while fields.remaining > 0 {
      entries.append(try fields.directoryEntry())
    }
    guard entries.count == end.entryCount else {
      throw .malformedArchive(
        file: source.file, offset: end.offset,
        problem: .wrongEntryCount(declared: end.entryCount, found: entries.count))
    }
    try limitEntries(end: end.directoryOffset, file: source.file)
  }

  /// A million arrays with ordinary names.
  private static let maximumBytes = 1 << 26
  static let localHeaderBytes = 30

  /// Gives each entry the bytes up to the next one; entries that share bytes, as in archives that
  /// unpack to far more than they are, are refused.
  private mutating func limitEntries(end: Int, file: String) throws(TensorFileError) {
    var limit = end
    var following = "the central directory"
    let order = entries.indices.sorted { entries[$0].headerOffset > entries[$1].headerOffset }
    for index in order {
      let entry = entries[index]
      let least = Self.localHeaderBytes + entry.name.utf8.count
      guard entry.headerOffset >= 0, entry.headerOffset <= limit,
        entry.storedBytes >= 0, entry.bytes >= 0,
        least <= limit - entry.headerOffset,
        entry.storedBytes <= limit - entry.headerOffset - least
      else {
        throw .malformedArchive(
          file: file, offset: entry.headerOffset,
          problem: .overlappingEntries(entry.name, following))
      }
      entries[index].limit = limit
      limit = entry.headerOffset
      following = entry.name
    }
  }
}

/// Where the central directory lies.
private struct ZipEndRecord {
  let offset: Int
  let entryCount: Int
  let directoryBytes: Int
  let directoryOffset: Int

  private static let bytes = 22
  private static let locatorBytes = 20
  private static let zip64Bytes = 56

  init(_ source: ByteSource) throws(TensorFileError) {
    let missing = TensorFileError.malformedArchive(
      file: source.file, offset: source.count, problem: .noEndRecord)
    guard source.count >= Self.bytes else { throw missing }
    // The record ends with a comment of at most 65,535 bytes.
    let tailCount = min(source.count, Self.bytes + 0xFFFF)
    let tailOffset = source.count - tailCount
    let tail = try source.bytes(at: tailOffset, count: tailCount)
    let start = stride(from: tailCount - Self.bytes, through: 0, by: -1).first { start in
      tail[start] == 0x50 && tail[start + 1] == 0x4B && tail[start + 2] == 5
        && tail[start + 3] == 6
        && Int(tail[start + 20]) | Int(tail[start + 21]) << 8 == tailCount - Self.bytes - start
    }
    guard let start else { throw missing }
    let offset = tailOffset + start
    var fields = ZipFields(Array(tail[start...]), file: source.file, base: offset)
    _ = try fields.integer(4)
    let disks = try (fields.integer(2), fields.integer(2))
    let counts = try (fields.integer(2), fields.integer(2))
    let (size, position) = try (fields.integer(4), fields.integer(4))
    guard disks == (0, 0) || disks == (0xFFFF, 0xFFFF), counts.0 == counts.1 else {
      throw .malformedArchive(file: source.file, offset: offset, problem: .splitArchive)
    }
    if counts.0 == 0xFFFF || size == 0xFFFF_FFFF || position == 0xFFFF_FFFF,
      let wide = try Self.zip64(source, endOffset: offset)
    {
      self = wide
      return
    }
    self.init(
      offset: offset, entryCount: counts.0, directoryBytes: size, directoryOffset: position)
  }

  private init(offset: Int, entryCount: Int, directoryBytes: Int, directoryOffset: Int) {
    self.offset = offset
    self.entryCount = entryCount
    self.directoryBytes = directoryBytes
    self.directoryOffset = directoryOffset
  }

  /// The zip64 end record, or `nil` if there is no locator of one before the end record.
  private static func zip64(
    _ source: ByteSource, endOffset: Int
  ) throws(TensorFileError) -> ZipEndRecord? {
    guard endOffset >= locatorBytes + zip64Bytes else { return nil }
    let locator = try source.bytes(at: endOffset - locatorBytes, count: locatorBytes)
    var fields = ZipFields(locator, file: source.file, base: endOffset - locatorBytes)
    guard try fields.integer(4) == 0x0706_4B50 else { return nil }
    _ = try fields.integer(4)
    let offset = try fields.integer(8)
    let outside = TensorFileError.malformedArchive(
      file: source.file, offset: endOffset - locatorBytes,
      problem: .recordOutsideFile(record: "zip64 end record"))
    guard offset >= 0, offset == endOffset - locatorBytes - zip64Bytes else { throw outside }
    var record = ZipFields(
      try source.bytes(at: offset, count: zip64Bytes), file: source.file, base: offset)
    guard try record.integer(4) == 0x0606_4B50 else {
      throw .malformedArchive(
        file: source.file, offset: offset, problem: .badSignature(record: "zip64 end record"))
    }
    // Record size, two versions and two disk numbers.
    _ = try (record.integer(8), record.integer(4), record.integer(8))
    let counts = try (record.integer(8), record.integer(8))
    guard counts.0 == counts.1 else {
      throw .malformedArchive(file: source.file, offset: offset, problem: .splitArchive)
    }
    return ZipEndRecord(
      offset: offset, entryCount: counts.0, directoryBytes: try record.integer(8),
      directoryOffset: try record.integer(8))
  }
}
