// SPDX-License-Identifier: MIT

import Foundation
import Reporting
import ResultStore
import SuiteRunner

/// Writes the progress of a run to stderr: one line per case, with the time left.
final class Progress: RunObserver {
  private var total = 0
  private var finished = 0
  private var done = 0
  private var current: (id: String, index: Int) = ("", 0)
  private let start = ContinuousClock.now
  private let isTerminal = isatty(STDERR_FILENO) == 1

  func runBegan(cases: Int, finished: Int) {
    total = cases
    self.finished = finished
    let resumed = finished > 0 ? ", \(finished) already on disk" : ""
    note("\(cases) cases\(resumed)")
  }

  var hearsSteps: Bool { isTerminal }

  func caseBegan(_ id: String, index: Int) {
    current = (id, index)
    caseReached(nil)
  }

  func caseReached(_ step: CaseStep) { caseReached(Optional(step)) }

  /// Rewrites the line of the case in progress.
  private func caseReached(_ step: CaseStep?) {
    guard isTerminal else { return }
    let state = step.map(\.progressText) ?? ""
    let place = "[\(current.index + 1)/\(total)] "
    let width = TerminalStyle.width(of: STDERR_FILENO) ?? 80
    let room = width - place.count - state.count - timeLeft.count - 1
    let id = room >= 12 ? clipped(current.id.printable, to: room) : ""
    let line = String((place + id + state + timeLeft).prefix(width - 1))
    StandardError.write("\r\u{1B}[K" + line)
  }

  func caseEnded(_ record: CaseRecord, index: Int) {
    done += 1
    if isTerminal { StandardError.write("\r\u{1B}[K") }
    note("[\(index + 1)/\(total)] \(clipped(record.caseID))  \(outcome(record))\(timeLeft)")
  }

  func runEnded() {}

  func note(_ text: String) {
    StandardError.note(text)
  }

  private func outcome(_ record: CaseRecord) -> String {
    switch record.status {
    case .measured:
      guard let timing = record.timing.value, let own = timing.alternative(.mechanism).value
      else { return "measured" }
      let time = String(format: "%.3g ms", own.medianNanoseconds * 1e-6)
      guard let speedUp = timing.speedUpOverFlash.value else { return time }
      return time + String(format: ", %.2fx flash", speedUp.value)
    case .verifiedOnly: return "verified"
    case .simulatedOnly:
      guard let flop = record.bounds.flop.value else { return "simulated" }
      return String(format: "FLOP bound %.3g", flop)
    case .skipped(let reason): return "skipped: \(reason)"
    case .failed(let reason): return "FAILED: \(reason)"
    case .boundViolated(let reason): return "BOUND VIOLATED: \(reason)"
    }
  }

  private var timeLeft: String {
    let left = total - finished - done
    guard done > 0, left > 0 else { return "" }
    let seconds = start.duration(to: .now) / .seconds(1) / Double(done) * Double(left)
    return seconds < 90
      ? String(format: "  (about %.0f s left)", seconds)
      : String(format: "  (about %.0f min left)", seconds / 60)
  }

  /// Letters of a case id: what a line that is rewritten in place leaves beside numbers and time.
  private var idWidth: Int {
    guard isTerminal, let width = TerminalStyle.width(of: STDERR_FILENO) else { return 90 }
    return min(max(width - 45, 24), 90)
  }

  private func clipped(_ id: String, to width: Int? = nil) -> String {
    let width = width ?? idWidth
    return id.count <= width ? id : id.prefix(width - 3) + "..."
  }
}

extension CaseStep {
  /// Such as `  timed 12 of at most 60, 3.21 ms, 4.83x flash`.
  fileprivate var progressText: String {
    switch self {
    case .verifying: "  verifying"
    case .comparing: "  comparing with dense attention"
    case .timing(let samples, let limit, let nanoseconds, let speedUp):
      "  \(samples) of at most \(limit) samples: "
        + String(format: "%.3g ms, %.2fx flash", nanoseconds * 1e-6, speedUp)
    }
  }
}
