// SPDX-License-Identifier: MIT

/// What a run of the program spent its time on, and how far it came.
///
/// Every invocation replaces it: a resumed run's footer tells of its own invocation.
public struct RunFooter: Codable, Hashable, Sendable {
  public static let fileName = "footer.json"

  public var schema = CaseRecord.currentSchema
  /// UTC time in ISO 8601, or `unknown`.
  public var endedAt: String
  /// Wall time of the invocation up to the writing of this file [s].
  public var wallSeconds: Double
  /// Wall time by phase [s], cases and the rest of the run together.
  public var phases: [String: Double]
  /// Share of the wall time that was neither timed nor verified work.
  public var overheadShare: Double
  /// Cases by outcome: `measured`, `skipped`, `failed`, `unfit`, `unreached` and so on.
  public var coverage: [String: Int]

  public init(
    endedAt: String, wallSeconds: Double, phases: [String: Double], overheadShare: Double,
    coverage: [String: Int]
  ) {
    self.endedAt = endedAt
    self.wallSeconds = wallSeconds
    self.phases = phases
    self.overheadShare = overheadShare
    self.coverage = coverage
  }

  /// The file's text.
  public func text() throws -> String {
    String(decoding: try RecordCoding.encoder(pretty: true).encode(self), as: UTF8.self) + "\n"
  }
}
