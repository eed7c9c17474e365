// SPDX-License-Identifier: MIT

/// Tells whether a text is nested so deeply that reading its keys would take too long.
///
/// The YAML library hashes each key of a mapping, so a key that is a mapping whose key is a mapping
/// and so on is hashed once for every level. A text with few brackets cannot cost much. Any other
/// is first read with braces turned into brackets: lists have the same depth and no keys, but for
/// short ones on one line.
struct NestingGuard {
  /// The text to read first, or `nil` if that is not needed.
  let flattenedText: String?
  /// Question marks that may begin an explicit key, which brackets do not show.
  let explicitKeyCount: Int

  /// More are refused in a text that is worth checking.
  static let maximumExplicitKeys = 8
  /// Brackets times bytes, at 0.2 microseconds each in the worst case that was measured: a second.
  private static let maximumCost = 5_000_000

  init(_ text: String) {
    let openings = text.utf8.count { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "[") }
    var explicitKeyCount = 0
    var previous = UInt8(ascii: "\n")
    for byte in text.utf8 {
      if byte == UInt8(ascii: "?"), Self.mayPrecedeKey(previous) { explicitKeyCount += 1 }
      previous = byte
    }
    self.explicitKeyCount = explicitKeyCount
    let levels = openings + explicitKeyCount
    guard levels > Self.maximumExplicitKeys, levels * text.utf8.count > Self.maximumCost else {
      flattenedText = nil
      return
    }
    let braces: [UInt8: UInt8] = [
      UInt8(ascii: "{"): UInt8(ascii: "["), UInt8(ascii: "}"): UInt8(ascii: "]"),
    ]
    flattenedText = String(decoding: text.utf8.map { braces[$0] ?? $0 }, as: UTF8.self)
  }

  private static func mayPrecedeKey(_ byte: UInt8) -> Bool {
    byte <= 0x20 || byte >= 0x80 || "[{,?".utf8.contains(byte)
  }
}
