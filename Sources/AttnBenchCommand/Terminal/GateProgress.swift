// SPDX-License-Identifier: MIT

import Foundation
import SuiteRunner

/// Writes the progress of a gate to stderr and its samples to a file.
final class GateProgress: GateObserver {
  private let samples: FileHandle?
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var subjects = 0
  private var passes = 0
  private var begin = Date()

  /// - Throws: ``Refusal`` if the file for samples cannot be made.
  init(samples path: String?) throws {
    guard let path else {
      samples = nil
      return
    }
    guard FileManager.default.createFile(atPath: path, contents: nil),
      let handle = FileHandle(forWritingAtPath: path)
    else { throw Refusal.usage("--samples: '\(path)' cannot be written") }
    samples = handle
  }

  func roundBegan(_ round: Int, subjects: Int, passes: Int) {
    self.subjects = subjects
    self.passes = passes
    begin = Date()
    StandardError.note(
      "round \(round): \(subjects) cases and controls in \(passes) sets of processes")
  }

  func finished(_ subject: Int, pass: Int) {
    guard isTerminal || subject == subjects else { return }
    let done = Double((pass - 1) * subjects + subject)
    let seconds = Date().timeIntervalSince(begin) * (Double(passes * subjects) / done - 1)
    let left = seconds < 1 ? "" : String(format: ", about %.0f s left", seconds)
    let text = "  set \(pass)/\(passes), \(subject)/\(subjects)\(left)"
    StandardError.write(isTerminal ? "\r\u{1B}[K" + text : text + "\n")
  }

  func measured(_ evidence: GateRun.Evidence) {
    guard let samples, var line = try? JSONEncoder().encode(evidence) else { return }
    line.append(UInt8(ascii: "\n"))
    do {
      try samples.write(contentsOf: line)
    } catch {
      StandardError.note("note: samples could not be written: \(error.localizedDescription)")
    }
  }

  func roundEnded() {
    if isTerminal { StandardError.write("\r\u{1B}[K") }
  }
}
