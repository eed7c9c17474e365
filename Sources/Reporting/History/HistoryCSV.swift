// SPDX-License-Identifier: MIT

import ResultStore

/// Every point of a history as one CSV row, in an order that depends on nothing but the points.
public enum HistoryCSV {
  /// The first line.
  public static let header =
    [
      "case", "metric", "unit", "machine", "fingerprint", "cpu", "cores", "threads", "compiler",
      "kernels", "night", "run", "suite", "commit", "value", "low", "high", "samples",
      "disturbed",
    ].joined(separator: ",") + "\n"

  /// The lines of one series; an unknown entry is empty, as its record gives the reason.
  public static func lines(_ series: HistorySeries) -> String {
    let key = series.key
    let stem = [
      key.caseID, key.metric.name, key.metric.unit, series.machine.slug, key.machine,
      series.machine.cpu, String(series.machine.cores), String(key.threads),
      key.toolchain.compiler, key.toolchain.kernels,
    ].map(Escaping.csv).joined(separator: ",")
    return series.points.map { point in
      let own = [point.run.startedAt, point.run.name, point.run.suite, point.commit]
        .map(Escaping.csv)
      let numbers = [
        "\(point.value)", point.interval.map { "\($0.low)" }, point.interval.map { "\($0.high)" },
        point.samples.map(String.init), point.disturbed.map(String.init),
      ].map { $0 ?? "" }
      return ([stem] + own + numbers).joined(separator: ",") + "\n"
    }.joined()
  }
}
