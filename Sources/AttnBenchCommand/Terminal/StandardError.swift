// SPDX-License-Identifier: MIT

import Foundation

/// Where progress and notes go: results alone go to standard output.
enum StandardError {
  static func write(_ text: String) {
    FileHandle.standardError.write(Data(text.utf8))
  }

  static func note(_ text: String) {
    write(text + "\n")
  }
}
