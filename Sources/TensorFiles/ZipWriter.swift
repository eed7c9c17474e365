// SPDX-License-Identifier: MIT

import CZlib

/// Writes a zip archive, with zip64 records where sizes need them.
struct ZipWriter<Sink: ByteSink> {
  private let sink: Sink
  private var written: [Entry] = []

  private struct Entry {
    let name: [UInt8]
    let method: Int
    let offset: Int
    var checksum: UInt = 0
    var storedBytes = 0
    var bytes = 0
  }

  init(_ sink: Sink) {
    self.sink = sink
  }

  /// Appends one entry whose contents are `header` followed by `contents`.
  mutating func append(
    name: String, header: [UInt8], contents: UnsafeRawBufferPointer,
    _ compression: ArchiveCompression, file: String
  ) throws(TensorFileError) {
    var entry = Entry(
      name: Array(name.utf8), method: compression == .stored ? 0 : 8, offset: sink.count)
    entry.bytes = header.count + contents.count
    entry.checksum = header.withUnsafeBufferPointer { crc32_z(0, $0.baseAddress, $0.count) }
    if !contents.isEmpty {
      let bytes = contents.bindMemory(to: UInt8.self)
      entry.checksum = crc32_z(entry.checksum, bytes.baseAddress, bytes.count)
    }
    // Sizes are filled in when they are known; the record does not change its length.
    try sink.append(localHeader(of: entry))
    let start = sink.count
    switch compression {
    case .stored:
      try sink.append(header)
      try sink.append(contents)
    case .deflated:
      try deflate(header, contents, file)
    }
    entry.storedBytes = sink.count - start
    try sink.replace(at: entry.offset, with: localHeader(of: entry))
    written.append(entry)
  }

  /// Appends the directory; the archive is not readable before.
  mutating func finish() throws(TensorFileError) {
    let start = sink.count
    for entry in written {
      try sink.append(directoryEntry(of: entry))
    }
    let size = sink.count - start
    if written.count >= 0xFFFF || sink.count >= Self.wide {
      try sink.append(zip64End(start: start, size: size))
    }
    var end = Fields(0x0605_4B50, 4)
    end.add(0, 4)
    end.add(min(written.count, 0xFFFF), 2)
    end.add(min(written.count, 0xFFFF), 2)
    end.add(min(size, Self.wide), 4)
    end.add(min(start, Self.wide), 4)
    end.add(0, 2)
    try sink.append(end.bytes)
  }

  /// The value that says "see the zip64 field".
  private static var wide: Int { 0xFFFF_FFFF }
  /// Version 4.5 of the format, the first with zip64.
  private static var version: Int { 45 }
  /// Bit 11: names are UTF-8.
  private static var flags: Int { 1 << 11 }
  /// 1 January 1980, the first day that the format can express.
  private static var date: Int { 1 << 5 | 1 }

  private struct Fields {
    var bytes: [UInt8] = []

    init(_ value: Int, _ size: Int) {
      add(value, size)
    }

    mutating func add(_ value: Int, _ size: Int) {
      bytes += littleEndianBytes(value, count: size)
    }
  }

  private func localHeader(of entry: Entry) -> [UInt8] {
    var fields = Fields(0x0403_4B50, 4)
    fields.add(Self.version, 2)
    addCommonFields(of: entry, stored: Self.wide, plain: Self.wide, to: &fields)
    fields.add(entry.name.count, 2)
    fields.add(20, 2)
    fields.bytes += entry.name
    fields.add(1, 2)
    fields.add(16, 2)
    fields.add(entry.bytes, 8)
    fields.add(entry.storedBytes, 8)
    return fields.bytes
  }

  private func directoryEntry(of entry: Entry) -> [UInt8] {
    let values = [entry.bytes, entry.storedBytes, entry.offset]
    let wideValues = values.filter { $0 >= Self.wide }
    var fields = Fields(0x0201_4B50, 4)
    fields.add(Self.version, 2)
    fields.add(Self.version, 2)
    addCommonFields(
      of: entry, stored: min(entry.storedBytes, Self.wide), plain: min(entry.bytes, Self.wide),
      to: &fields)
    fields.add(entry.name.count, 2)
    fields.add(wideValues.isEmpty ? 0 : 4 + 8 * wideValues.count, 2)
    // Comment length, disk, attributes.
    fields.add(0, 2)
    fields.add(0, 8)
    fields.add(min(entry.offset, Self.wide), 4)
    fields.bytes += entry.name
    if !wideValues.isEmpty {
      fields.add(1, 2)
      fields.add(8 * wideValues.count, 2)
      for value in wideValues { fields.add(value, 8) }
    }
    return fields.bytes
  }

  private func addCommonFields(of entry: Entry, stored: Int, plain: Int, to fields: inout Fields) {
    fields.add(Self.flags, 2)
    fields.add(entry.method, 2)
    fields.add(0, 2)
    fields.add(Self.date, 2)
    fields.add(Int(entry.checksum), 4)
    fields.add(stored, 4)
    fields.add(plain, 4)
  }

  private func zip64End(start: Int, size: Int) -> [UInt8] {
    let offset = start + size
    var fields = Fields(0x0606_4B50, 4)
    fields.add(44, 8)
    fields.add(Self.version, 2)
    fields.add(Self.version, 2)
    fields.add(0, 8)
    fields.add(written.count, 8)
    fields.add(written.count, 8)
    fields.add(size, 8)
    fields.add(start, 8)
    fields.add(0x0706_4B50, 4)
    fields.add(0, 4)
    fields.add(offset, 8)
    fields.add(1, 4)
    return fields.bytes
  }

  private func deflate(
    _ header: [UInt8], _ contents: UnsafeRawBufferPointer, _ file: String
  ) throws(TensorFileError) {
    let deflater = try Deflater(file: file)
    let result = header.withUnsafeBytes { buffer in
      Result { () throws(TensorFileError) in
        try deflater.deflate(buffer, isLast: contents.isEmpty, to: sink)
      }
    }
    try result.get()
    if !contents.isEmpty { try deflater.deflate(contents, isLast: true, to: sink) }
  }
}
