// SPDX-License-Identifier: MIT

import Foundation

/// Where progress and notes go: results alone go to standard output.
enum StandardError {
  static func write(_ text: String) {
    FileHandle.standardError.write(Data(text.utf8))
  }

  static func note(_ text: String) {
    write(text.printable + "\n")
  }
}

extension String {
  /// The text, its middle left out where it is longer than a screen: names come from files, and a
  /// message that quotes one may be as long as the file.
  var shortened: String {
    let most = 4_000
    guard count > most else { return self }
    let left = count - most
    return "\(prefix(most * 3 / 4)) ... \(left) characters ... \(suffix(most / 4))"
  }

  /// The text without what a terminal would obey: names come from files that anybody may write.
  ///
  /// Control characters other than newline and tab, and changes of the direction of writing.
  var printable: String {
    let isHarmless = { (scalar: Unicode.Scalar) in
      switch scalar.value {
      case 0x9, 0xA: true
      case 0x0...0x1F, 0x7F...0x9F, 0x202A...0x202E, 0x2066...0x2069: false
      default: true
      }
    }
    guard !unicodeScalars.allSatisfy(isHarmless) else { return self }
    return String(
      String.UnicodeScalarView(unicodeScalars.map { isHarmless($0) ? $0 : "\u{FFFD}" }))
  }
}
