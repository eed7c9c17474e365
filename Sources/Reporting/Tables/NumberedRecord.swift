// SPDX-License-Identifier: MIT

import ResultStore

/// A record and the number by which every table of a report refers to it.
struct NumberedRecord {
  let number: Int
  let record: CaseRecord

  /// The number, with a sign that cannot be overlooked where the results contradict the model.
  var mark: String {
    if case .boundViolated = record.status { "\(number) BOUND VIOLATED" } else { "\(number)" }
  }

  /// The shown parameters as `stride=64 window=256`, by name.
  var parametersText: String { record.parametersText }

  var hostBound: Known<MachineBound> { record.bounds.bound(on: BoundsRecord.host) }

  func timing<Value>(_ part: (TimingRecord) -> Known<Value>) -> Known<Value> {
    record.publishableTiming.flatMap(part)
  }

  func time(_ role: TimedAlternative.Role) -> Known<TimedAlternative> {
    timing { $0.alternative(role) }
  }

  func denseError(_ part: (DenseError) -> Double) -> Quantity {
    record.accuracy.dense.map(part)
  }

  /// Attended pairs by the pairs that the engine evaluated.
  var tileEfficiency: Quantity {
    let evaluated = record.counts.measured.map(\.pairsEvaluated)
    return record.work.attendedPairs.flatMap { attended in
      evaluated.flatMap {
        $0 > 0
          ? .value(Double(attended) / Double($0))
          : .absent(reason: "the engine counts no pairs")
      }
    }
  }

  func oracleError(_ part: (OracleError) -> Double) -> Quantity {
    record.accuracy.oracle.map(part)
  }
}

extension CaseRecord {
  /// The parameters worth showing: those that the suite gave, or all where that is not known.
  var shownParameters: [String: String] { mechanism.given ?? mechanism.parameters }

  /// The shown parameters as `stride=64 window=256`, by name.
  var parametersText: String { Self.text(shownParameters) }

  /// Time of the choice of blocks over that of dense attention.
  var choosingShare: Quantity {
    timing.flatMap { timing in
      timing.selectionShareOfFlash.map { .value($0) }
        ?? .absent(reason: "the choice was not timed by itself")
    }
  }

  /// What a selection kept, or that there is none.
  var selection: Known<SelectionRecord> {
    accuracy.selection.map { .value($0) } ?? .absent(reason: "nothing is selected, or nothing ran")
  }

  /// Every parameter, by name.
  var allParametersText: String { Self.text(mechanism.parameters) }

  private static func text(_ parameters: [String: String]) -> String {
    parameters.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      .joined(separator: " ")
  }

  /// Mechanism and parameters as one phrase.
  var label: String {
    parametersText.isEmpty ? mechanism.id : "\(mechanism.id) (\(parametersText))"
  }

  /// Whether the case came far enough to stand in a table of results.
  var hasResults: Bool {
    switch status {
    case .measured, .verifiedOnly, .simulatedOnly, .boundViolated: true
    case .skipped, .failed: false
    }
  }
}
