// SPDX-License-Identifier: MIT

import AttentionEngines
import Foundation
import ResultStore

/// What was built, from what, and what it is linked with.
enum BuildFacts {
  static let record = BuildRecord(
    attnbenchVersion: Product.version, commit: commit, compiler: compiler,
    libraries: ["OpenBLAS": BLASIdentity.current.configuration],
    openBLASCore: BLASIdentity.current.core,
    openBLASInherited: BLASCore.inherited)

  private static let compiler: String = {
    #if compiler(>=6.4)
    return "Swift 6.4 or later"
    #elseif compiler(>=6.3)
    return "Swift 6.3"
    #elseif compiler(>=6.2)
    return "Swift 6.2"
    #else
    return "Swift 6.1"
    #endif
  }()

  /// The commit of the working folder, if it is a checkout of this project.
  private static var commit: String {
    guard let head = try? String(contentsOfFile: ".git/HEAD", encoding: .utf8) else {
      return "unknown"
    }
    let text = head.trimmingCharacters(in: .whitespacesAndNewlines)
    guard text.hasPrefix("ref: ") else { return text }
    let reference = text.dropFirst(5)
    let found = try? String(contentsOfFile: ".git/\(reference)", encoding: .utf8)
    return found?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "unknown"
  }
}
