// SPDX-License-Identifier: MIT

import Foundation

/// A build of this program that takes part in a comparison.
struct Build {
  let binary: String
  /// How reports call it: no path.
  let name: String

  /// The program that runs now.
  static func own() throws -> Build {
    guard let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    else { throw Refusal(message: "this program does not find its own binary", code: 1) }
    return Build(binary: path, name: "this build")
  }

  /// The binary at `path`.
  ///
  /// - Throws: ``Refusal`` unless it is an executable file.
  static func file(_ path: String, option: String) throws -> Build {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw Refusal.usage("\(option) \(path): there is no such file")
    }
    guard !isFolder.boolValue, FileManager.default.isExecutableFile(atPath: path) else {
      throw Refusal.usage("\(option) \(path): it is no program; give an attnbench binary")
    }
    let url = URL(fileURLWithPath: path)
    return Build(binary: url.standardizedFileURL.path, name: url.lastPathComponent)
  }
}
