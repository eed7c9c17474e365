// SPDX-License-Identifier: MIT

import Foundation

/// Doubts about the times of a run: a history orders runs by them.
struct ClockCheck {
  let header: RunHeader
  let records: [CaseRecord]
  let now: Date

  /// Steps back below this are those of a clock that is kept in time [s].
  private static let tolerance = 2.0
  /// No run is older than the program; such times come from a clock that was not set.
  private static let earliest = UTCTime("2020-01-01T00:00:00Z")

  /// A sentence per doubt, which says where the points are placed.
  var notes: [String] {
    guard let start = UTCTime(header.startedAt) else {
      return [
        "its start time is '\(header.startedAt)', no UTC time as 2026-01-01T00:00:00Z; "
          + "its points are placed before all others"
      ]
    }
    var notes: [String] = []
    if let earliest = Self.earliest, start.seconds < earliest.seconds {
      notes.append(
        "it began \(start.text), as if the clock had not been set; "
          + "its points are placed there")
    } else if start.seconds > now.timeIntervalSince1970 + Self.tolerance {
      notes.append(
        "it began \(start.text), which has not come yet; its points are placed there")
    }
    let step = largestStepBack(from: start.seconds)
    if step > Self.tolerance {
      notes.append(
        "the clock was set back by \(Int(step.rounded())) s while it ran; "
          + "its points are placed at its start, \(start.text)")
    }
    return notes
  }

  private func largestStepBack(from start: Double) -> Double {
    var latest = start
    var largest = 0.0
    for record in records {
      guard let time = UTCTime(record.execution.startedAt)?.seconds else { continue }
      largest = max(largest, latest - time)
      latest = max(latest, time)
    }
    return largest
  }
}
