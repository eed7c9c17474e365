// SPDX-License-Identifier: MIT

import Measurement
import Testing

struct CounterSelectionTests {
  @Test func wordsStandForGroupsOfSources() throws {
    #expect(
      try CounterSelection("auto").sources == [.papi, .papiSoftware, .perf, .rusage, .proc])
    #expect(try CounterSelection("papi").sources == [.papi, .papiSoftware])
    #expect(try CounterSelection("perf").sources == [.perf, .rusage, .proc])
    #expect(try CounterSelection("cachegrind").sources == [.cachegrind])
    #expect(try CounterSelection("none").sources.isEmpty)
    #expect(try CounterSelection("auto, cachegrind").sources.count == 6)
  }

  @Test func aSingleCounterNarrowsItsSourceDown() throws {
    let selection = try CounterSelection("cycles,task-clock")
    #expect(selection.sources == [.papi, .perf])
    #expect(selection.hardwareCounters.map(\.name) == ["cycles"])
    func reading(_ name: String) -> CounterReading {
      CounterReading(name: name, unit: "", source: "", scope: .thread, value: .count(1))
    }
    #expect(selection.shows(reading("task-clock")))
    #expect(!selection.shows(reading("page-faults")))
  }

  @Test func eventsByPAPINameAreCountedAsTheyAre() throws {
    let selection = try CounterSelection("PAPI_L2_TCA,perf::BRANCHES")
    #expect(selection.sources == [.papi])
    #expect(selection.hardwareCounters.map(\.candidates) == [["PAPI_L2_TCA"], ["perf::BRANCHES"]])
    let source = PAPIHardwareSource(
      counters: selection.hardwareCounters,
      access: FakePAPI(counts: ["PAPI_L2_TCA": 5, "perf::BRANCHES": 6]))
    source.start()
    #expect(source.stop().map(\.value) == [.count(5), .count(6)])
  }

  @Test func aMisspelledCounterIsAnErrorWithAProposal() {
    #expect(throws: MeasurementError.self) { try CounterSelection("cycels") }
    do {
      _ = try CounterSelection("cachegrnd")
    } catch {
      #expect("\(error)".contains("did you mean 'cachegrind'?"))
    }
    #expect(throws: MeasurementError.mixedNone("none,papi")) { try CounterSelection("none,papi") }
    #expect(throws: MeasurementError.self) { try CounterSelection("") }
  }
}

struct PerfFakeTests {
  private let facts = HostCounterFacts(isPMUVisible: true, isVirtual: false, paranoid: 2)

  @Test func threadsAreSummed() {
    let perf = FakePerf()
    perf.counts[.cycles] = PerfCount(value: 7, enabledNanoseconds: 10, runningNanoseconds: 10)
    let source = PerfEventSource(events: [.cycles], facts: facts, access: perf)
    source.start()
    #expect(source.stop().first?.value == .count(14))
    #expect(perf.leaked == 0)
  }

  @Test func eventsThatTookTurnsAreScaledAndSaidToBe() {
    let perf = FakePerf()
    perf.counts[.cycles] = PerfCount(value: 100, enabledNanoseconds: 40, runningNanoseconds: 10)
    let source = PerfEventSource(events: [.cycles], scope: .thread, facts: facts, access: perf)
    source.start()
    let reading = source.stop().first
    #expect(reading?.value == .real(400))
    #expect(reading?.isMultiplexed == true)
  }

  @Test func anEventWithoutARegisterIsNoZero() {
    let perf = FakePerf()
    perf.counts[.cycles] = PerfCount(value: 0, enabledNanoseconds: 40, runningNanoseconds: 0)
    let source = PerfEventSource(events: [.cycles], scope: .thread, facts: facts, access: perf)
    source.start()
    #expect(source.stop().first?.value.absence?.contains("never scheduled") == true)
  }

  @Test func refusalsSayWhatForbidsThem() {
    let perf = FakePerf()
    perf.refusals = [.cycles: -13, .instructions: -2]
    let source = PerfEventSource(
      events: [.cycles, .instructions], scope: .thread, facts: facts, access: perf)
    source.start()
    let readings = source.stop()
    #expect(readings[0].value.absence?.contains("perf_event_paranoid is 2") == true)
    #expect(readings[1].value.absence?.contains("unknown here") == true)
  }

  @Test func aRefusedRusageIsAReason() {
    let source = ResourceUsageSource { _ in -1 }
    source.start()
    let readings = source.stop()
    #expect(readings.count == 7)
    #expect(readings.allSatisfy { $0.value.number == nil && $0.value.absence != nil })
  }

  @Test func rusageGivesDifferences() {
    var faults: UInt64 = 5
    let source = ResourceUsageSource { usage in
      usage.minor_faults = faults
      return 0
    }
    source.start()
    faults = 12
    #expect(source.stop().first { $0.name == "minor-faults" }?.value == .count(7))
  }
}
