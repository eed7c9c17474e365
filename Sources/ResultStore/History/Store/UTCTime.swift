// SPDX-License-Identifier: MIT

import Foundation

/// A time in UTC to the second, in the one form that sorts as text.
public struct UTCTime: Hashable, Sendable, Comparable {
  /// Since 1970 [s].
  public let seconds: Double

  public init(_ date: Date) {
    seconds = date.timeIntervalSince1970.rounded(.down)
  }

  /// The time that `text` tells as `2026-01-31T12:34:56Z` or, at midnight, `2026-01-31`.
  public init?(_ text: String) {
    let full = text.count == 10 ? text + "T00:00:00Z" : text
    guard full.utf8.count == 20, let date = ISO8601DateFormatter().date(from: full) else {
      return nil
    }
    self.init(date)
  }

  /// Such as `2026-01-31T12:34:56Z`.
  public var text: String {
    ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: seconds))
  }

  public static func < (first: UTCTime, second: UTCTime) -> Bool {
    first.seconds < second.seconds
  }
}
