// SPDX-License-Identifier: MIT

/// Replaces many marks in one pass over a text; of two that begin at the same place the first wins.
struct TextSubstitution {
  private let byFirst: [UInt8: [(mark: [UInt8], replacement: [UInt8])]]

  /// - Requires: no mark is empty.
  init(_ pairs: [(mark: String, replacement: String)]) {
    byFirst = Dictionary(
      grouping: pairs.map { (Array($0.mark.utf8), Array($0.replacement.utf8)) }, by: { $0.0[0] })
  }

  func applied(to text: String) -> String {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count + bytes.count / 8)
    var place = 0
    while place < bytes.count {
      let found = byFirst[bytes[place]]?.first { mark, _ in
        bytes.dropFirst(place).starts(with: mark)
      }
      if let found {
        result += found.replacement
        place += found.mark.count
      } else {
        result.append(bytes[place])
        place += 1
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
