// SPDX-License-Identifier: MIT

import Foundation
import Reporting

extension TerminalStyle {
  /// Standard output: as wide as its window; plain where it is no terminal, where `NO_COLOR` is set
  /// or where the terminal is dumb.
  static var standardOutput: TerminalStyle {
    let environment = ProcessInfo.processInfo.environment
    let isTerminal = isatty(STDOUT_FILENO) == 1
    // https://no-color.org: any value but the empty one.
    let isPlain = !(environment["NO_COLOR"] ?? "").isEmpty || environment["TERM"] == "dumb"
    return TerminalStyle(width: outputWidth ?? 100, hasColor: isTerminal && !isPlain)
  }

  /// Columns of the terminal that standard output is, or nil where it is none.
  static var outputWidth: Int? { width(of: STDOUT_FILENO) }

  /// Columns of the terminal behind a file descriptor, or nil where it is none.
  static func width(of descriptor: Int32) -> Int? {
    guard isatty(descriptor) == 1 else { return nil }
    if let columns = ProcessInfo.processInfo.environment["COLUMNS"].flatMap({ Int($0) }),
      columns >= 20
    {
      return columns
    }
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col >= 20 else { return 80 }
    return Int(size.ws_col)
  }
}
