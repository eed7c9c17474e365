// SPDX-License-Identifier: MIT

import AttentionCore
import Measurement

/// A count that engines keep, with the name under which PAPI and formulas know it.
public struct EngineEvent: Sendable {
  public let event: SoftwareEvent
  public let quantity: MetricQuantity?
  public let value: @Sendable (EngineCounts) -> Int

  /// Every count, in the order of records.
  public static let all: [Self] = [
    make("tiles_visited", "tiles", "Key-value tiles visited.", .tilesVisited) { $0.tilesVisited },
    make("tiles_full", "tiles", "Visited tiles that need no mask.", .tilesFull) { $0.tilesFull },
    make("pairs_evaluated", "pairs", "Query-key pairs evaluated.", .pairsEvaluated) {
      $0.pairsEvaluated
    },
    make("exponentials", "exponentials", "Exponentials evaluated.", .exponentials) {
      $0.exponentials
    },
    make("bytes_read", "bytes", "Compulsory bytes read.", nil) { $0.bytesRead },
    make("bytes_written", "bytes", "Compulsory bytes written.", nil) { $0.bytesWritten },
    make("elements_sorted", "elements", "Scores a selection compared.", .elementsSorted) {
      $0.elementsSorted
    },
    make("rows_gathered", "rows", "Rows gathered out of order.", .rowsGathered) {
      $0.rowsGathered
    },
  ]

  private static func make(
    _ name: String, _ unit: String, _ summary: String, _ quantity: MetricQuantity?,
    _ value: @escaping @Sendable (EngineCounts) -> Int
  ) -> Self {
    Self(
      event: SoftwareEvent(name: name, unit: unit, summary: summary), quantity: quantity,
      value: value)
  }
}

extension EngineCounts {
  /// The counts by the names of ``EngineEvent``.
  public var byName: [String: Int] {
    Dictionary(uniqueKeysWithValues: EngineEvent.all.map { ($0.event.name, $0.value(self)) })
  }
}
