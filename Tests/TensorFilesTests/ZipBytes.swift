// SPDX-License-Identifier: MIT

/// A zip archive made by hand, field by field, so that each field can be made wrong.
struct ZipBytes {
  struct Entry {
    var name: String
    var data: [UInt8]
    var checksum: Int
    var method = 0
    var flags = 0
    /// Size after decompression; that of `data` if `nil`.
    var bytes: Int?
    /// Name in the local header; `name` if `nil`.
    var localName: String?
    /// Offset in the directory; where the entry is if `nil`.
    var offset: Int?
    /// Whether sizes and offset stand in the zip64 extra field.
    var isWide = false

    init(_ name: String, _ data: [UInt8]) {
      self.name = name
      self.data = data
      checksum = Int(ZipBytes.checksum(data))
    }
  }

  var entries: [Entry]
  var comment: [UInt8] = []
  var declaredCount: Int?
  var disk = 0
  /// Whether the end record points to a zip64 end record.
  var isWide = false

  var bytes: [UInt8] {
    var all: [UInt8] = []
    var directory: [UInt8] = []
    for entry in entries {
      directory += directoryEntry(entry, at: all.count)
      all += localHeader(entry) + entry.data
    }
    let start = all.count
    all += directory
    let count = declaredCount ?? entries.count
    if isWide {
      let end = all.count
      all += little(0x0606_4B50, 4) + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 8)
      all += little(count, 8) + little(count, 8) + little(directory.count, 8) + little(start, 8)
      all += little(0x0706_4B50, 4) + little(0, 4) + little(end, 8) + little(1, 4)
    }
    all += little(0x0605_4B50, 4) + little(disk, 2) + little(disk, 2)
    all += little(isWide ? 0xFFFF : count, 2) + little(isWide ? 0xFFFF : count, 2)
    all += little(isWide ? 0xFFFF_FFFF : directory.count, 4)
    all += little(isWide ? 0xFFFF_FFFF : start, 4)
    return all + little(comment.count, 2) + comment
  }

  private func localHeader(_ entry: Entry) -> [UInt8] {
    let name = Array((entry.localName ?? entry.name).utf8)
    let fixed = little(0x0403_4B50, 4) + little(20, 2) + common(entry)
    return fixed + little(name.count, 2) + little(0, 2) + name
  }

  private func directoryEntry(_ entry: Entry, at offset: Int) -> [UInt8] {
    let name = Array(entry.name.utf8)
    let values = [entry.bytes ?? entry.data.count, entry.data.count, entry.offset ?? offset]
    let extra =
      entry.isWide
      ? little(0x5455, 2) + little(1, 2) + [0] + little(1, 2) + little(24, 2)
        + values.flatMap { little($0, 8) } : []
    var fixed = little(0x0201_4B50, 4) + little(20, 2) + little(20, 2)
    fixed += common(entry)
    fixed += little(name.count, 2) + little(extra.count, 2) + little(0, 2) + little(0, 8)
    return fixed + little(entry.isWide ? 0xFFFF_FFFF : values[2], 4) + name + extra
  }

  private func common(_ entry: Entry) -> [UInt8] {
    let fields = [
      (entry.flags, 2), (entry.method, 2), (0, 4), (entry.checksum, 4),
      (entry.isWide ? 0xFFFF_FFFF : entry.data.count, 4),
      (entry.isWide ? 0xFFFF_FFFF : entry.bytes ?? entry.data.count, 4),
    ]
    return fields.flatMap { little($0.0, $0.1) }
  }

  /// CRC-32, bit by bit: written apart from the library that the reader uses.
  static func checksum(_ bytes: [UInt8]) -> UInt32 {
    var sum = UInt32.max
    for byte in bytes {
      sum ^= UInt32(byte)
      for _ in 0..<8 {
        let isOdd = sum & 1 == 1
        sum >>= 1
        if isOdd { sum ^= 0xEDB8_8320 }
      }
    }
    return ~sum
  }
}
