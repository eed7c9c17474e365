// SPDX-License-Identifier: MIT

import Measurement
import Testing

struct PAPITests {
  private let guest = HostCounterFacts(isPMUVisible: false, isVirtual: true, paranoid: 2)
  private let host = HostCounterFacts(isPMUVisible: true, isVirtual: false, paranoid: 1)
  private let counters = [
    HardwareCounter(name: "cycles", unit: "cycles", candidates: ["PRESET_CYC", "perf::CYCLES"]),
    HardwareCounter(name: "misses", unit: "events", candidates: ["PRESET_MISS"]),
    HardwareCounter(name: "energy", unit: "nJ", candidates: ["rapl:::PACKAGE"]),
  ]

  private func readings(_ source: PAPIHardwareSource) -> [CounterReading] {
    CounterSession([source]).count {}
  }

  @Test func theFirstCandidateThatCountsIsUsed() {
    let papi = FakePAPI(counts: ["perf::CYCLES": 100, "PRESET_MISS": 7, "rapl:::PACKAGE": 9])
    let found = readings(PAPIHardwareSource(counters: counters, access: papi, facts: host))
    #expect(found.map(\.value) == [.count(100), .count(7), .count(9)])
    #expect(found.map(\.event) == ["perf::CYCLES", "PRESET_MISS", "rapl:::PACKAGE"])
    #expect(papi.leakedSets == 0)
  }

  @Test func oneUnknownEventDoesNotHideTheOthers() {
    let papi = FakePAPI(counts: ["PRESET_CYC": 3])
    let found = readings(PAPIHardwareSource(counters: counters, access: papi, facts: host))
    #expect(found[0].value == .count(3))
    #expect(found[1].value.absence == "unknown here: PRESET_MISS (no such event)")
    #expect(found[2].value.number == nil)
    #expect(papi.leakedSets == 0)
  }

  @Test func aGuestWithoutPMUIsTheReason() {
    let papi = FakePAPI(counts: [:])
    let found = readings(PAPIHardwareSource(counters: counters, access: papi, facts: guest))
    #expect(found.count == 3)
    #expect(found.allSatisfy { $0.value.absence?.contains("shows this guest no PMU") == true })
  }

  @Test func aLockedDownKernelIsTheReason() {
    let locked = HostCounterFacts(isPMUVisible: true, isVirtual: false, paranoid: 4)
    let papi = FakePAPI(counts: [:])
    let found = readings(PAPIHardwareSource(counters: counters, access: papi, facts: locked))
    #expect(found[0].value.absence?.contains("perf_event_paranoid is 4") == true)
  }

  @Test func aLibraryThatDoesNotStartIsTheReason() {
    let papi = FakePAPI(counts: ["PRESET_CYC": 3])
    papi.status = -1
    let found = readings(PAPIHardwareSource(counters: counters, access: papi, facts: host))
    #expect(found.allSatisfy { $0.value.absence == "PAPI is unavailable: code -1" })
  }

  @Test func eventsThatDoNotFitShareRegistersAndSaySo() {
    let papi = FakePAPI(
      counts: ["PRESET_CYC": 1, "PRESET_MISS": 2, "rapl:::PACKAGE": 3], registers: 1)
    let found = readings(PAPIHardwareSource(counters: counters, access: papi, facts: host))
    #expect(found.map(\.value) == [.count(1), .count(2), .count(3)])
    // Energy is another component and fits.
    #expect(found.map(\.isMultiplexed) == [true, true, false])
    #expect(papi.leakedSets == 0)
  }

  /// The tests below use the library itself, which wants one thread at a time.
  @Suite(.serialized) struct RealLibrary {
    @Test func softwareEventsComeBackThroughPAPI() throws {
      let registry = try SoftwareEventRegistry(
        library: "attnbenchtest",
        events: [
          SoftwareEvent(name: "tiles_visited", unit: "tiles", summary: "Tiles"),
          SoftwareEvent(name: "pairs_evaluated", unit: "pairs", summary: "Pairs"),
        ])
      registry.add(1000, to: "tiles_visited")
      let session = CounterSession([SoftwareEventSource(registry: registry)])
      let readings = session.count {
        registry.add(37, to: "tiles_visited")
        registry.add(5_000_000_000, to: "pairs_evaluated")
        registry.add(5, to: "tiles_visited")
      }
      // Only what was added in between, beyond 32 bits too.
      #expect(readings.map(\.value) == [.count(42), .count(5_000_000_000)])
      #expect(
        readings.map(\.event)
          == ["sde:::attnbenchtest::tiles_visited", "sde:::attnbenchtest::pairs_evaluated"])
      #expect(session.count {}.map(\.value) == [.count(0), .count(0)])
    }

    @Test func registriesOfOneLibraryShareTheirCounts() throws {
      let events = [SoftwareEvent(name: "shared", unit: "events", summary: "Shared")]
      let first = try SoftwareEventRegistry(library: "attnbenchshared", events: events)
      let second = try SoftwareEventRegistry(library: "attnbenchshared", events: events)
      let readings = CounterSession([SoftwareEventSource(registry: first)]).count {
        second.add(3, to: "shared")
      }
      #expect(readings.map(\.value) == [.count(3)])
    }

    @Test func unregisteredNamesAreNotCounted() throws {
      let registry = try SoftwareEventRegistry(library: "attnbenchnames", events: [])
      #expect(!registry.add(1, to: "tiles_visited"))
    }

    @Test func everyEngineEventIsAccepted() throws {
      let registry = try SoftwareEventRegistry(library: "attnbenchengine")
      let readings = CounterSession([SoftwareEventSource(registry: registry)]).count {
        for event in SoftwareEvent.engine { registry.add(event.name.count, to: event.name) }
      }
      for (event, reading) in zip(SoftwareEvent.engine, readings) {
        #expect(reading.name == event.name)
        #expect(reading.value == .count(UInt64(event.name.count)))
      }
    }

    @Test func hardwareCountersCountOrSayWhyNot() {
      var sum = 0.0
      let readings = CounterSession([PAPIHardwareSource()]).count {
        for i in 0..<100_000 { sum += Double(i).squareRoot() }
      }
      #expect(sum > 0)
      #expect(readings.map(\.name) == HardwareCounter.standard.map(\.name))
      for reading in readings {
        #expect((reading.value.number != nil) != (reading.value.absence?.isEmpty == false))
      }
      if let cycles = readings[0].value.number { #expect(cycles > 0) }
    }
  }
}
