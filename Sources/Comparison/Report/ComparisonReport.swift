// SPDX-License-Identifier: MIT

import Foundation
import ResultStore
import Statistics

/// The comparison of two runs or builds, complete with the rules it was made by.
public struct ComparisonReport: Hashable, Codable, Sendable {
  public var schema = CaseRecord.currentSchema
  /// `compare`, `ab` or `gate`.
  public var command: String
  /// What the base is, such as a run's name or a commit.
  public var base: String
  public var head: String
  public var suite: String
  public var policy: ComparisonPolicy
  public var cases: [CaseComparison]
  public var families: [FamilyMean]
  public var controls: [ControlResult]
  public var coverage: Coverage
  public var outcome: ComparisonOutcome
  /// What a reader should know beside the numbers.
  public var notes: [String]
  /// Wall time that the measurement took [s]; nil for stored runs.
  public var seconds: Double?

  /// Completes `cases` with q-values, family means, coverage and outcome.
  public init(
    command: String, base: String, head: String, suite: String, policy: ComparisonPolicy,
    cases: [CaseComparison], controls: [ControlResult] = [], notes: [String] = [],
    seconds: Double? = nil
  ) {
    self.command = command
    self.base = base
    self.head = head
    self.suite = suite
    self.policy = policy
    self.cases = Self.withQValues(cases)
    families = FamilyMean.all(cases)
    self.controls = controls
    coverage = Coverage(cases)
    outcome = ComparisonOutcome(cases: cases, controls: controls, policy: policy)
    self.notes = notes
    self.seconds = seconds
  }

  /// The report as JSON with sorted keys.
  public func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }

  /// Reads what ``json()`` wrote.
  public init(json: Data) throws {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    self = try decoder.decode(Self.self, from: json)
  }

  private static func withQValues(_ cases: [CaseComparison]) -> [CaseComparison] {
    var cases = cases
    let timed = cases.indices.filter { cases[$0].time != nil }
    let qValues = FalseDiscoveryRate.qValues(of: timed.map { cases[$0].time?.last.pValue ?? 1 })
    for (index, qValue) in zip(timed, qValues) { cases[index].time?.set(qValue: qValue) }
    return cases
  }
}
