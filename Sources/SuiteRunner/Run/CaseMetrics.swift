// SPDX-License-Identifier: MIT

import AttentionCore
import Measurement
import ResultStore

/// The metrics of one record, from its times, work and counters.
struct CaseMetrics {
  private let record: CaseRecord
  private let counters: [String: CounterValue]
  /// Product operations at the shape that cachegrind counts.
  private let exactProducts: CounterValue

  init(_ record: CaseRecord, exactProducts: CounterValue) {
    self.record = record
    self.exactProducts = exactProducts
    var counters: [String: CounterValue] = [:]
    for counter in record.counters {
      let name = MetricQuantity.formulaName(of: counter.name)
      // Several sources may count the same thing; the first that has a number is used.
      if counters[name]?.number == nil { counters[name] = Self.value(counter.value) }
    }
    self.counters = counters
  }

  func records(_ catalogue: MetricCatalogue) -> [MetricRecord] {
    catalogue.metrics.map { metric in
      let value = metric.formula.value(of: quantity)
      return MetricRecord(
        name: metric.name, title: metric.title,
        value: value.number.map { .value($0) }
          ?? .absent(reason: value.absence ?? "no reason given"))
    }
  }

  private func quantity(_ name: String) -> CounterValue {
    guard let quantity = MetricQuantity(rawValue: name) else {
      return counters[name] ?? .absent(reason: "the counter was not asked for")
    }
    return value(of: quantity)
  }

  private func value(of quantity: MetricQuantity) -> CounterValue {
    switch quantity {
    case .seconds: Self.value(medianSeconds)
    case .products: .real(Double(record.work.operations.products))
    case .denseProducts: .real(Double(record.work.denseOperations.products))
    case .bytesRead: .real(Double(record.work.bytesRead))
    case .bytesWritten: .real(Double(record.work.bytesWritten))
    case .attendedPairs: Self.value(record.work.attendedPairs.map(Double.init))
    case .threads: .real(Double(record.execution.threads))
    case .peakFlopsPerSecond:
      Self.value(timing.flatMap { $0.adjacentPeakGigaflopsPerSecond.map { $0 * 1e9 } })
    case .speedUp: Self.value(timing.flatMap { $0.speedUpOverFlash.map(\.value) })
    case .rooflineBound: Self.value(host.flatMap(\.roofline))
    case .flopBound: Self.value(record.bounds.flop)
    case .floorSeconds: Self.value(host.flatMap(\.floorSeconds))
    case .workspaceBytes: Self.value(record.memory.workspaceBytes.map(Double.init))
    case .peakResidentBytes: Self.value(record.memory.peakResidentBytes.map(Double.init))
    case .exactProducts: exactProducts
    case .tilesVisited, .tilesFull, .pairsEvaluated, .exponentials, .elementsSorted,
      .rowsGathered:
      Self.value(
        record.counts.measured.map { counts in
          Double(EngineEvent.all.first { $0.quantity == quantity }?.value(counts) ?? 0)
        })
    }
  }

  private var timing: ResultStore.Known<TimingRecord> { record.publishableTiming }

  private var host: ResultStore.Known<MachineBound> { record.bounds.bound(on: BoundsRecord.host) }

  private var medianSeconds: Quantity {
    timing.flatMap { $0.alternative(.mechanism).map { $0.medianNanoseconds * 1e-9 } }
  }

  private static func value(_ quantity: Quantity) -> CounterValue {
    quantity.value.map { .real($0) } ?? .absent(reason: quantity.reason ?? "unknown")
  }
}
