// SPDX-License-Identifier: MIT

import Foundation
import Glibc
import Measurement
import Testing

struct CounterTests {
  @Test func sourcesStopInReverseAndReportInOrder() {
    var log: [String] = []
    let session = CounterSession([
      FakeSource(name: "first", value: .count(1)) { log.append($0) },
      FakeSource(name: "second", value: .real(0.5)) { log.append($0) },
    ])
    let readings = session.count { log.append("work") }
    #expect(log == ["start first", "start second", "work", "stop second", "stop first"])
    #expect(readings.map(\.source) == ["first", "second"])
    #expect(readings.map(\.value) == [.count(1), .real(0.5)])
  }

  @Test func failingWorkStillStopsEverySource() {
    struct Failure: Error {}
    var log: [String] = []
    let session = CounterSession([FakeSource(name: "a", value: .count(0)) { log.append($0) }])
    #expect(throws: Failure.self) { try session.count { throw Failure() } }
    #expect(log == ["start a", "stop a"])
  }

  @Test func aMissingNumberIsEncodedAsAReasonAndNeverAsZero() throws {
    let reading = CounterReading(
      name: "cycles", unit: "cycles", source: "papi", scope: .thread,
      value: .absent(.noHardwareCounters(isVirtual: true)))
    let data = try JSONEncoder().encode(reading)
    let text = String(decoding: data, as: UTF8.self)
    #expect(text.contains("\"absent\":\"no hardware counters"))
    #expect(!text.contains("\"value\""))
    #expect(try JSONDecoder().decode(CounterReading.self, from: data) == reading)
    #expect(reading.value.number == nil)
  }

  @Test(arguments: [CounterValue.count(.max), .count(0), .real(1.5)])
  func numbersSurviveEncoding(value: CounterValue) throws {
    let reading = CounterReading(
      name: "n", unit: "events", source: "s", scope: .process, event: "e", isMultiplexed: true,
      value: value)
    let data = try JSONEncoder().encode(reading)
    #expect(try JSONDecoder().decode(CounterReading.self, from: data) == reading)
  }

  @Test func absenceNamesParanoidLevelWhenThatForbidsIt() {
    let reason = AbsenceReason.notPermitted(paranoid: 3).description
    #expect(reason.contains("perf_event_paranoid is 3"))
    #expect(AbsenceReason.notPermitted(paranoid: nil).description.contains("is unknown"))
  }

  @Test func everySourceReadBeforeItsStartSaysSo() {
    let sources: [any CounterSource] = [
      PerfEventSource(), ResourceUsageSource(), StealSource(),
      PAPIHardwareSource(access: FakePAPI(counts: ["PAPI_TOT_CYC": 1])),
    ]
    for source in sources {
      for reading in source.stop() { #expect(reading.value.number == nil, "\(reading)") }
    }
  }

  @Test func resourceUsageSeesFreshPages() {
    let bytes = 8 << 20
    var sum = 0
    let readings = CounterSession([ResourceUsageSource()]).count {
      // Mapped, since an allocator may hand out pages that were touched before.
      guard
        let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
        memory != MAP_FAILED
      else { return }
      memory.initializeMemory(as: UInt8.self, repeating: 1, count: bytes)
      sum = Int(memory.load(fromByteOffset: bytes / 2, as: UInt8.self))
      munmap(memory, bytes)
    }
    #expect(sum == 1)
    #expect(readings.count == 7)
    let faults = readings.first { $0.name == "minor-faults" }?.value.number
    // At least one page, even if all of it came as huge pages.
    #expect((faults ?? 0) >= 1)
    let peak = readings.first { $0.name == "peak-resident-memory" }?.value.number
    #expect((peak ?? 0) >= Double(bytes))
  }

  @Test func perfEventsCountOrSayWhyNot() {
    var sum = 0.0
    let readings = CounterSession([PerfEventSource(scope: .thread)]).count {
      for i in 0..<200_000 { sum += Double(i).squareRoot() }
    }
    #expect(sum > 0)
    #expect(readings.map(\.name) == PerfEvent.allCases.map(\.rawValue))
    for reading in readings {
      #expect((reading.value.number != nil) != (reading.value.absence?.isEmpty == false))
    }
    if let clock = readings[0].value.number { #expect(clock > 0) }
  }

  @Test func stolenTimeIsTheDifferenceForTheWatchedCPUs() throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("attnbench-stat-\(UInt64.random(in: 0...UInt64.max))").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    func write(_ first: Int, _ second: Int) throws {
      let text = """
        cpu  1 2 3 4 5 6 7 \(first + second) 0 0
        cpu0 1 2 3 4 5 6 7 \(first) 0 0
        cpu1 1 2 3 4 5 6 7 \(second) 0 0
        intr 12 0

        """
      try text.write(toFile: path, atomically: false, encoding: .utf8)
    }
    try write(5, 100)
    let source = StealSource(meter: StealMeter(cpus: [1], path: path))
    source.start()
    try write(50, 103)
    // Three ticks of 10 ms; the other CPU's 45 do not count.
    #expect(source.stop()[0].value == .count(30_000_000))
  }

  @Test func aKernelWithoutStealIsAReason() {
    let source = StealSource(meter: StealMeter(cpus: [0], path: "/nonexistent"))
    source.start()
    #expect(source.stop()[0].value.absence == "not provided by /proc/stat")
  }
}
