// SPDX-License-Identifier: MIT

/// What a person knows about a place in a history, such as why a time was expected to change.
public struct HistoryAnnotation: Codable, Hashable, Sendable {
  /// Eight hexadecimal digits, by which it can be taken back.
  public var id: String
  /// Part of the ids of the cases that it is about; nil for all.
  public var cases: String?
  /// Name of the metric that it is about; nil for all.
  public var metric: String?
  /// UTC time in ISO 8601 from which it holds.
  public var at: String
  public var text: String
  /// Whether it explains a change, which is then no news.
  public var isExpected: Bool
  /// UTC time in ISO 8601 at which it was written.
  public var madeAt: String

  /// An annotation with an id made from all the rest.
  public init(
    cases: String?, metric: String?, at: String, text: String, isExpected: Bool, madeAt: String
  ) {
    self.cases = cases
    self.metric = metric
    self.at = at
    self.text = text
    self.isExpected = isExpected
    self.madeAt = madeAt
    let parts = [cases ?? "", metric ?? "", at, text, "\(isExpected)", madeAt]
    id = String(TextFingerprint(parts.joined(separator: "\u{0}")).description.prefix(8))
  }

  /// Whether it is about this series.
  public func concerns(_ key: SeriesKey) -> Bool {
    (cases.map { key.caseID.contains($0) } ?? true)
      && (metric ?? key.metric.name) == key.metric.name
  }
}
