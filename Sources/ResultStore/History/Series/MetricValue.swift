// SPDX-License-Identifier: MIT

/// One metric of one record.
struct MetricValue: Hashable {
  let metric: HistoryMetric
  let value: Double
  var interval: Interval?
  /// Samples behind the value, and those that were disturbed; nil where it was not sampled.
  var samples: Int?
  var disturbed: Int?
}

extension CaseRecord {
  /// Raised when ``historyValues`` learns new metrics: an older history is then rebuilt to have them.
  static let historyExtraction = 1

  /// What a history keeps of this record: finite numbers only, and times of measured cases only.
  var historyValues: [MetricValue] {
    var values = timingValues + accuracyValues
    values.append(.productOperations, .value(work.operations.productOperations))
    values.append(.bytesMoved, .value(Double(work.bytesRead) + Double(work.bytesWritten)))
    values.append(.pairs, work.attendedPairs.map(Double.init))
    values.append(.workspace, memory.workspaceBytes.map(Double.init))
    values.append(.peakResident, memory.peakResidentBytes.map(Double.init))
    for counter in counters { values.append(.counter(counter), counter.value) }
    return values
  }

  private var timingValues: [MetricValue] {
    guard case .measured = status, case .value(let timing) = timing else { return [] }
    let isCold = timing.cache != "warm"
    func metric(_ metric: HistoryMetric) -> HistoryMetric { isCold ? metric.cold : metric }
    var values: [MetricValue] = []
    let roles: [(TimedAlternative.Role, HistoryMetric)] = [
      (.mechanism, .time), (.flashBaseline, .flashTime), (.denseBaseline, .denseTime),
    ]
    for (role, name) in roles {
      guard let timed = timing.alternative(role).value else { continue }
      values.append(
        metric(name), .value(timed.medianNanoseconds), interval: timed.intervalNanoseconds,
        samples: timed.count, disturbed: timed.disturbed)
    }
    let own = timing.alternative(.mechanism).value
    for (name, estimate) in [
      (HistoryMetric.speedUp, timing.speedUpOverFlash),
      (.speedUpOverDense, timing.speedUpOverDense),
    ] {
      guard let estimate = estimate.value else { continue }
      values.append(
        metric(name), .value(estimate.value), interval: estimate.interval, samples: own?.count,
        disturbed: own?.disturbed)
    }
    values.append(metric(.realisedShare), timing.realisedShare)
    values.append(metric(.floorShare), timing.floorShare)
    values.append(metric(.shareOfPeak), timing.shareOfPeak)
    values.append(metric(.peak), timing.adjacentPeakGigaflopsPerSecond)
    return values
  }

  private var accuracyValues: [MetricValue] {
    var values: [MetricValue] = []
    values.append(.oracleError, accuracy.oracle.map(\.relativeL2))
    values.append(.denseCosine, accuracy.dense.map(\.cosine))
    values.append(.denseError, accuracy.dense.map(\.relativeL1))
    values.append(.denseRMSE, accuracy.dense.map(\.rmse))
    return values
  }
}

extension [MetricValue] {
  /// Adds a value that is known and finite; of a metric that a damaged record names twice, the first.
  fileprivate mutating func append(
    _ metric: HistoryMetric, _ quantity: Quantity, interval: Interval? = nil, samples: Int? = nil,
    disturbed: Int? = nil
  ) {
    guard let value = quantity.value, value.isFinite, !contains(where: { $0.metric == metric })
    else { return }
    let isFinite = interval.map { $0.low.isFinite && $0.high.isFinite } ?? false
    append(
      MetricValue(
        metric: metric, value: value, interval: isFinite ? interval : nil, samples: samples,
        disturbed: disturbed))
  }
}
