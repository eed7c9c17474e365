// SPDX-License-Identifier: MIT

import Foundation

/// The program file that runs now.
enum ThisProgram {
  static var path: String {
    let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return link ?? CommandLine.arguments[0]
  }
}
