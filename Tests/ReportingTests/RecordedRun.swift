// SPDX-License-Identifier: MIT

import Foundation
import Reporting
import ResultStore

/// A journal with every kind of case: exact, masked, quantised, approximate, another operator,
/// verified only, simulated only, skipped, failed and contradicted.
enum RecordedRun {
  static let folder = RunFolder(
    existing: URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Recorded").path)

  static func report() throws -> Report { try Report(run: folder) }

  /// A fresh folder for the files of one test.
  static func temporaryFolder() throws -> RunFolder {
    let folder = try RunFolder(
      root: FileManager.default.temporaryDirectory.path,
      name: "attnbench-reporting-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      atPath: folder.path, withIntermediateDirectories: true)
    return folder
  }
}
