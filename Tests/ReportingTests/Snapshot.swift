// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// Golden files beside the tests.
///
/// `RECORD_SNAPSHOTS=1` rewrites them; a missing one is written and the test fails, so that none
/// is committed unseen. They are read from the sources, so that a recorded file counts at once.
enum Snapshot {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Snapshots")

  static func check(
    _ text: String, named name: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let file = folder.appendingPathComponent(name)
    let isRecording = ProcessInfo.processInfo.environment["RECORD_SNAPSHOTS"] == "1"
    let stored = try? String(contentsOf: file, encoding: .utf8)
    guard let stored, !isRecording else {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try text.write(to: file, atomically: true, encoding: .utf8)
      if stored == nil {
        Issue.record(
          "snapshot \(name) was missing and has been written: read it, then commit it",
          sourceLocation: sourceLocation)
      }
      return
    }
    guard stored != text else { return }
    Issue.record(
      "\(name) differs: \(firstDifference(stored, text)); RECORD_SNAPSHOTS=1 rewrites it",
      sourceLocation: sourceLocation)
  }

  private static func firstDifference(_ stored: String, _ text: String) -> String {
    let old = stored.split(separator: "\n", omittingEmptySubsequences: false)
    let new = text.split(separator: "\n", omittingEmptySubsequences: false)
    for (index, pair) in zip(old, new).enumerated() where pair.0 != pair.1 {
      return "line \(index + 1) was '\(pair.0)' and is '\(pair.1)'"
    }
    return "it had \(old.count) lines and has \(new.count)"
  }
}
