// SPDX-License-Identifier: MIT

import ResultStore

/// The sentences that answer which mechanism is fastest, how sure that is, and what went wrong.
public struct Summary: Sendable {
  /// All sentences, those about a problem each after the first.
  public var sentences: [Sentence] { [coverage] + winners + findings }

  /// How many cases there are and how far they came.
  let coverage: Sentence
  /// The fastest at each problem.
  let winners: [Sentence]
  /// What holds for all cases, and what went wrong.
  let findings: [Sentence]

  /// A sentence whose identifiers are kept apart from its prose.
  public struct Sentence: Hashable, Sendable {
    enum Part: Hashable, Sendable {
      case prose(String)
      case code(String)
    }
    let parts: [Part]

    /// The sentence for a terminal.
    public var plain: String {
      parts.map { part in
        switch part {
        case .prose(let text), .code(let text): Escaping.oneLine(text)
        }
      }.joined()
    }

    var markdown: String {
      parts.map { part in
        switch part {
        case .prose(let text): Escaping.markdown(text)
        case .code(let text): Escaping.markdownCode(text)
        }
      }.joined()
    }

    var latex: String {
      parts.map { part in
        switch part {
        case .prose(let text): Escaping.latex(text)
        case .code(let text): "\\texttt{\(Escaping.latex(text))}"
        }
      }.joined()
    }
  }

  public init(_ report: Report) {
    coverage = Self.coverage(report)
    winners = Self.winners(report)
    findings =
      Self.missingSpeeds(report) + Self.shares(report)
      + [Self.predictions(report), Self.oracle(report), Self.work(report)].compactMap { $0 }
      + Self.contradictions(report)
  }

  private static func coverage(_ report: Report) -> Sentence {
    let words = CaseStatus.phrases.compactMap { phrase -> String? in
      let count = report.records.count { $0.status.phrase == phrase }
      return count == 0 ? nil : "\(count) \(phrase)"
    }
    let total = report.records.count
    guard total > 0 else { return Sentence(parts: [.prose("No case has a record yet.")]) }
    return Sentence(parts: [
      .prose("\(total) \(total == 1 ? "case" : "cases"): \(words.joined(separator: ", ")).")
    ])
  }

  /// For each problem the mechanism with the largest speed-up over `flash`.
  private static func winners(_ report: Report) -> [Sentence] {
    var order: [String] = []
    var groups: [String: [NumberedRecord]] = [:]
    for row in report.resultRows
    where row.record.mechanism.id != "flash" && row.record.status == .measured
      && row.timing(\.speedUpOverFlash).value != nil
    {
      let problem = row.record.problemText
      if groups[problem] == nil { order.append(problem) }
      groups[problem, default: []].append(row)
    }
    return order.compactMap { problem in
      winner(of: groups[problem] ?? [], problem: problem)
    }
  }

  private static func winner(of rows: [NumberedRecord], problem: String) -> Sentence? {
    let speeds = rows.compactMap { row in
      row.timing(\.speedUpOverFlash).value.map { (row: row, speed: $0) }
    }
    guard let best = speeds.max(by: { $0.speed.value < $1.speed.value }) else { return nil }
    guard best.speed.interval.low > 1 else {
      return Sentence(parts: [
        .prose("At "), .code(problem), .prose(", nothing measured is faster than "),
        .code("flash"), .prose(" in f32."),
      ])
    }
    var parts: [Sentence.Part] = [
      .prose("At "), .code(problem), .prose(", "), .code(best.row.record.label),
      .prose(" is the fastest: \(NumberText.estimate(best.speed)) times as fast as "),
      .code("flash"), .prose(" in f32\(shareText(best.row)); \(priceText(best.row))"),
    ]
    let near = speeds.filter { isNear($0.row) && $0.speed.interval.low > 1 }
    if !isNear(best.row), let closest = near.max(by: { $0.speed.value < $1.speed.value }) {
      parts += [
        .prose(". The fastest within \(nearText) of it is "), .code(closest.row.record.label),
        .prose(": \(NumberText.estimate(closest.speed)) times"),
      ]
    } else if !isNear(best.row) {
      parts.append(.prose(". Nothing within \(nearText) of it is faster"))
    }
    return Sentence(parts: parts + [.prose(".")])
  }

  /// Relative L1 distance up to which an output stands for that of dense attention.
  private static let nearDistance = 0.05
  private static let nearText = "5 %"

  private static func isNear(_ row: NumberedRecord) -> Bool {
    row.denseError(\.relativeL1).value.map { $0 <= nearDistance } ?? false
  }

  /// What the speed costs in accuracy.
  private static func priceText(_ row: NumberedRecord) -> String {
    switch row.denseError(\.relativeL1) {
    case .value(let distance) where distance > 1:
      "its output is unlike that of dense attention (relative L1 \(NumberText.significant(distance)))"
    case .value(let distance):
      "its output is \(NumberText.percent(distance)) from dense attention (relative L1)"
    case .absent(let reason): "its distance from dense attention is unknown (\(reason))"
    }
  }

  /// Realised shares above this say that flash is far from its own floor at that shape.
  private static let poorBaseline = 1.05

  private static func shareText(_ row: NumberedRecord) -> String {
    guard let share = row.timing(\.realisedShare).value, share.isFinite,
      let bound = row.hostBound.flatMap(\.roofline).value, bound.isFinite
    else { return "" }
    guard share <= poorBaseline else {
      let own = row.timing(\.floorShare).map(NumberText.percent).value ?? "an unknown share"
      let flash = row.timing(\.flashFloorShare).map(NumberText.percent).value ?? "less"
      return ", \(own) of its own floor, where flash stays at \(flash) of its floor"
    }
    return ", \(NumberText.percent(share)) of its roofline bound \(NumberText.significant(bound))"
  }

  private static func shares(_ report: Report) -> [Sentence] {
    let shares = report.resultRows.filter { $0.record.status == .measured }.compactMap { row in
      row.timing(\.realisedShare).value.map { (row: row, share: $0) }
    }.filter { $0.share.isFinite && $0.share <= poorBaseline }
    guard let low = shares.min(by: { $0.share < $1.share }),
      let high = shares.max(by: { $0.share < $1.share }), shares.count > 1
    else { return [] }
    return [
      Sentence(parts: [
        .prose("Kernels realise from \(NumberText.percent(low.share)) ("),
        .code(low.row.record.mechanism.id), .prose(", #\(low.row.number)) to "),
        .prose("\(NumberText.percent(high.share)) ("), .code(high.row.record.mechanism.id),
        .prose(", #\(high.row.number)) of their roofline bounds on this host."),
      ])
    ]
  }

  /// Measured cases without a speed-up, which tables show as `n/a`.
  private static func missingSpeeds(_ report: Report) -> [Sentence] {
    var rows: [(reason: String, numbers: [String])] = []
    for row in report.resultRows
    where row.record.status == .measured && row.record.mechanism.id != "flash" {
      guard let reason = row.timing(\.speedUpOverFlash).reason else { continue }
      if let index = rows.firstIndex(where: { $0.reason == reason }) {
        rows[index].numbers.append("#\(row.mark)")
      } else {
        rows.append((reason, ["#\(row.mark)"]))
      }
    }
    return rows.map { reason, numbers in
      let shown = numbers.prefix(12).joined(separator: ", ") + (numbers.count > 12 ? ", ..." : "")
      return Sentence(parts: [.prose("No speed-up is given for \(shown): \(reason).")])
    }
  }

  private static func predictions(_ report: Report) -> Sentence? {
    guard let error = SimulationTables.predictionError(report.resultRows), error.cases > 1 else {
      return nil
    }
    return Sentence(parts: [
      .prose(
        "Measured times are \(NumberText.significant(error.median)) times their predicted floors "
          + "in the median of \(error.cases) cases and \(NumberText.significant(error.p90)) times "
          + "at the 90th percentile.")
    ])
  }

  private static func oracle(_ report: Report) -> Sentence? {
    let checked = report.rows.compactMap { row in
      row.record.accuracy.oracle.value.map { (row.number, $0.passed) }
    }
    guard !checked.isEmpty else { return nil }
    let failed = checked.filter { !$0.1 }.map { "#\($0.0)" }
    let text =
      failed.isEmpty
      ? "All \(checked.count) kernels that were checked agree with their own definitions in Double."
      : "\(failed.count) of \(checked.count) checked kernels failed against their own definitions "
        + "in Double (\(failed.joined(separator: ", "))): no speed is shown for a failed case."
    return Sentence(parts: [.prose(text)])
  }

  private static func work(_ report: Report) -> Sentence? {
    let compared = report.rows.compactMap { row in
      row.record.counts.agree.value.map { (row.number, $0) }
    }
    guard !compared.isEmpty else { return nil }
    let differing = compared.filter { !$0.1 }.map { "#\($0.0)" }
    let text =
      differing.isEmpty
      ? "Counted work equals planned work in all \(compared.count) cases that were counted."
      : "Counted work differs from planned work in \(differing.joined(separator: ", "))."
    return Sentence(parts: [.prose(text)])
  }

  private static func contradictions(_ report: Report) -> [Sentence] {
    report.rows.compactMap { row in
      guard case .boundViolated(let explanation) = row.record.status else { return nil }
      return Sentence(parts: [
        .prose("BOUND VIOLATED in #\(row.number), "), .code(row.record.caseID),
        .prose(": \(explanation)."),
      ])
    }
  }
}

extension CaseStatus {
  /// How reports name this status.
  var phrase: String {
    switch self {
    case .measured: "measured"
    case .verifiedOnly: "verified only"
    case .simulatedOnly: "simulated only"
    case .skipped: "skipped"
    case .failed: "failed"
    case .boundViolated: "BOUND VIOLATED"
    }
  }

  static let phrases = [
    "measured", "verified only", "simulated only", "skipped", "failed", "BOUND VIOLATED",
  ]
}

extension CaseRecord {
  /// Shape, input and threads: cases that share it answer the same question.
  var problemText: String {
    let threads = execution.threads == 1 ? "1 thread" : "\(execution.threads) threads"
    return "\(problem.shape), \(problem.input.kind), \(threads)"
  }
}
