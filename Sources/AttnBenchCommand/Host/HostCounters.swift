// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import Measurement
import ResultStore
import SuiteRunner

/// The counter sources of this host that a run asked for, around one block.
final class HostCounters: CaseCounters {
  private let selection: CounterSelection
  private let session: CounterSession
  private let registry: SoftwareEventRegistry?
  private let cachegrind: CachegrindSource?
  private let workerArguments: (CaseSpecification) -> [String]
  /// Counters that could not even be registered.
  private let refused: [CounterRecord]

  /// `workerArguments` is how this program executes a case alone, for cachegrind.
  init(
    _ selection: CounterSelection = .automatic,
    workerArguments: @escaping (CaseSpecification) -> [String] = { _ in [] }
  ) {
    self.selection = selection
    self.workerArguments = workerArguments
    var sources: [any CounterSource] = []
    var registry: SoftwareEventRegistry?
    var refused: [CounterRecord] = []
    var cachegrind: CachegrindSource?
    for name in CounterSourceName.allCases where selection.sources.contains(name) {
      switch name {
      case .papi: sources.append(PAPIHardwareSource(counters: selection.hardwareCounters))
      case .papiSoftware:
        do {
          let made = try SoftwareEventRegistry(
            library: "attnbench", events: EngineEvent.all.map(\.event))
          registry = made
          sources.append(SoftwareEventSource(registry: made))
        } catch {
          refused = EngineEvent.all.map {
            CounterRecord(
              name: $0.event.name, unit: $0.event.unit, source: name.rawValue,
              value: .absent(reason: "\(error)"))
          }
        }
      case .perf: sources.append(PerfEventSource())
      case .rusage: sources.append(ResourceUsageSource())
      case .proc: sources.append(StealSource())
      case .cachegrind: cachegrind = Self.makeCachegrind()
      }
    }
    session = CounterSession(sources)
    self.registry = registry
    self.refused = refused
    self.cachegrind = cachegrind
  }

  /// This program under valgrind; the libraries that the user's environment names go with it.
  static func makeCachegrind() -> CachegrindSource {
    CachegrindSource(
      binary: ThisProgram.path,
      libraryPath: ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"])
  }

  var countsExactly: Bool { cachegrind != nil }

  func record(
    _ item: CaseSpecification, _ body: () -> Void, counts: () -> EngineCounts
  ) -> [CounterRecord] {
    var readings = count(body, counts: counts)
    if let cachegrind {
      cachegrind.target = workerArguments(item)
      // Another process is counted: around the block it would only disturb the others.
      readings += CounterSession([cachegrind]).count {}
    }
    return readings.filter(selection.shows).map { CounterRecord($0) } + refused
  }

  private func count(_ body: () -> Void, counts: () -> EngineCounts) -> [CounterReading] {
    session.count {
      body()
      let counts = counts()
      for event in EngineEvent.all { _ = registry?.add(event.value(counts), to: event.event.name) }
    }
  }

  /// What every source offers here, and why the rest is absent.
  func offers() -> [CounterRecord] {
    var readings = count({}, counts: { EngineCounts() })
    if let cachegrind {
      let absence = cachegrind.unavailability
      readings += cachegrind.stop().map { reading in
        CounterReading(
          name: reading.name, unit: reading.unit, source: reading.source, scope: reading.scope,
          value: absence.map { .absent($0) } ?? .count(0))
      }
    }
    return readings.filter(selection.shows).map { CounterRecord($0) } + refused
  }

  var peakResidentBytes: ResultStore.Known<Int> {
    let source = ResourceUsageSource()
    source.start()
    let peak = source.stop().first { $0.name == "peak-resident-memory" }
    guard let bytes = peak?.value.number else {
      return .absent(reason: peak?.value.absence ?? "rusage does not report it")
    }
    return .value(Int(bytes))
  }
}

extension CounterRecord {
  init(_ reading: CounterReading) {
    self.init(
      name: reading.name, unit: reading.unit, source: reading.source,
      value: reading.value.number.map { .value($0) }
        ?? .absent(reason: reading.value.absence ?? "no reason given"),
      event: reading.event, scope: reading.scope.rawValue,
      isMultiplexed: reading.isMultiplexed ? true : nil)
  }
}
