// SPDX-License-Identifier: MIT

import ResultStore

/// Joins the series of a ratio across machines and toolchains into one, which begins at 1.
///
/// Within a series each night contributes its step to the next one; where a machine takes over, the
/// chain goes on at the level that it had reached. A speed-up over `flash`, which was timed beside
/// it, can so be followed for as long as the case exists; a step that falls on the very night of a
/// change of machine cannot be seen.
public enum RatioChain {
  /// Metrics that are ratios of things timed side by side.
  public static let metrics: [HistoryMetric] = [
    .speedUp, .speedUp.cold, .speedUpOverDense, .speedUpOverDense.cold,
  ]

  /// One series per case, metric and thread count, in the order of the given ones.
  ///
  /// Nights with too many disturbed samples and values that are not above zero are left out.
  public static func joining(_ series: [HistorySeries]) -> [HistorySeries] {
    var groups: [[HistorySeries]] = []
    for item in series where metrics.contains(item.key.metric) {
      let place = groups.firstIndex { group in
        group[0].key.caseID == item.key.caseID && group[0].key.metric == item.key.metric
          && group[0].key.threads == item.key.threads
      }
      if let place { groups[place].append(item) } else { groups.append([item]) }
    }
    return groups.compactMap(chain)
  }

  private static func chain(_ group: [HistorySeries]) -> HistorySeries? {
    let steps = group.flatMap { item in
      item.points.filter { $0.isFit && $0.value > 0 }.map { (key: item.key, point: $0) }
    }.sorted { ($0.point.run, $0.key) < ($1.point.run, $1.key) }
    guard let last = steps.last, let final = group.first(where: { $0.key == last.key }) else {
      return nil
    }
    // What a value of each series is multiplied by to stand in the chain.
    var scales: [SeriesKey: Double] = [:]
    var level = 1.0
    let points = steps.map { key, point in
      let scale = scales[key] ?? level / point.value
      scales[key] = scale
      level = point.value * scale
      return HistoryPoint(
        run: point.run, commit: point.commit, value: level,
        interval: point.interval.map { Interval(low: $0.low * scale, high: $0.high * scale) },
        samples: point.samples, disturbed: point.disturbed)
    }
    let machines = Set(steps.map(\.key.machine)).count
    return HistorySeries(
      key: SeriesKey(
        caseID: last.key.caseID, metric: last.key.metric.chained,
        machine: machines == 1 ? last.key.machine : "chain", threads: last.key.threads,
        toolchain: last.key.toolchain),
      machine: machines == 1
        ? final.machine
        : MachineRecord(
          cpu: "last \(final.machine.cpu)", fingerprint: "chain", slug: "\(machines) machines",
          cores: final.machine.cores),
      points: points)
  }
}
