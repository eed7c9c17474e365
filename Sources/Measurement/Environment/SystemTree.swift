// SPDX-License-Identifier: MIT

import Foundation

/// The kernel's text files under /proc and /sys.
public struct SystemTree: Hashable, Sendable {
  private let procRoot: String
  private let sysRoot: String

  /// Reads from other roots than the real ones where a caller has a copy.
  public init(procRoot: String = "/proc", sysRoot: String = "/sys") {
    self.procRoot = procRoot
    self.sysRoot = sysRoot
  }

  /// The trimmed text of a file under /proc, or nil if it cannot be read.
  public func proc(_ path: String) -> String? { text(procRoot + "/" + path) }

  /// The trimmed text of a file under /sys, or nil if it cannot be read.
  public func sys(_ path: String) -> String? { text(sysRoot + "/" + path) }

  /// The names in a folder under /proc, ascending; empty if there is none.
  public func names(inProc path: String) -> [String] { names(procRoot + "/" + path) }

  /// The names in a folder under /sys, ascending; empty if there is none.
  public func names(inSys path: String) -> [String] { names(sysRoot + "/" + path) }

  private func text(_ path: String) -> String? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private func names(_ path: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
  }
}
