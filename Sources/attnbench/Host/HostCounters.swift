// SPDX-License-Identifier: MIT

import AttentionCore
import Measurement
import ResultStore
import SuiteRunner

/// Every counter source of this host around one block: PAPI, engine counts, perf, rusage, steal.
final class HostCounters: CaseCounters {
  private let session: CounterSession
  private let registry: SoftwareEventRegistry?
  private let registryProblem: String?

  private typealias EngineCount = KeyPath<EngineCounts, Int> & Sendable

  private static let engineEvents: [(event: SoftwareEvent, value: EngineCount)] = [
    (event("tiles_visited", "tiles", "Key-value tiles visited."), \.tilesVisited),
    (event("tiles_full", "tiles", "Visited tiles that need no mask."), \.tilesFull),
    (event("pairs_evaluated", "pairs", "Query-key pairs evaluated."), \.pairsEvaluated),
    (event("exponentials", "exponentials", "Exponentials evaluated."), \.exponentials),
    (event("bytes_read", "byte", "Bytes that tiles read."), \.bytesRead),
    (event("bytes_written", "byte", "Bytes written."), \.bytesWritten),
    (event("elements_sorted", "elements", "Scores a selection compared."), \.elementsSorted),
    (event("rows_gathered", "rows", "Rows gathered out of order."), \.rowsGathered),
  ]

  init() {
    var sources: [any CounterSource] = [PAPIHardwareSource()]
    do {
      let made = try SoftwareEventRegistry(
        library: "attnbench", events: Self.engineEvents.map(\.event))
      registry = made
      registryProblem = nil
      sources.append(SoftwareEventSource(registry: made))
    } catch {
      registry = nil
      registryProblem = "\(error)"
    }
    sources += [PerfEventSource(), ResourceUsageSource(), StealSource()] as [any CounterSource]
    session = CounterSession(sources)
  }

  func record(_ body: () -> Void, counts: () -> EngineCounts) -> [CounterRecord] {
    let readings = session.count {
      body()
      let counts = counts()
      for (event, value) in Self.engineEvents {
        _ = registry?.add(counts[keyPath: value], to: event.name)
      }
    }
    var records = readings.map { CounterRecord($0) }
    if let registryProblem {
      records.append(
        CounterRecord(
          name: "engine counts", unit: "", source: "papi-sde",
          value: .absent(reason: registryProblem)))
    }
    return records
  }

  var peakResidentBytes: ResultStore.Known<Int> {
    let source = ResourceUsageSource()
    source.start()
    let peak = source.stop().first { $0.name.contains("peak") || $0.name.contains("resident") }
    guard let bytes = peak?.value.number else {
      return .absent(reason: peak?.value.absence ?? "rusage does not report it")
    }
    return .value(Int(bytes))
  }

  private static func event(_ name: String, _ unit: String, _ summary: String) -> SoftwareEvent {
    SoftwareEvent(name: name, unit: unit, summary: summary)
  }
}

extension CounterRecord {
  init(_ reading: CounterReading) {
    self.init(
      name: reading.name, unit: reading.unit, source: reading.source,
      value: reading.value.number.map { .value($0) }
        ?? .absent(reason: reading.value.absence ?? "no reason given"))
  }
}
