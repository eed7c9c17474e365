// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import ResultStore
import Testing

@Suite(.serialized) struct MeasurementCommandTests {
  private static func suite(timing: String = "") -> String {
    """
    suite: counted
    seed: 5
    machines: [h100]
    timing: { target: 50 %, minimumRounds: 4, maximumRounds: 6, timePerCase: 200 ms\(timing) }
    cases:
      - shapes: { heads: 2, length: 96, headDim: 16, causal: true }
        mechanisms:
          - flash
          - moba: { blockSize: 16, topK: 2 }
    """
  }

  private static let hasValgrind = ["/usr/bin/valgrind", "/usr/local/bin/valgrind"]
    .contains { FileManager.default.isExecutableFile(atPath: $0) }

  private func records(_ command: Command, _ name: String) throws -> [CaseRecord] {
    try RunFolder(existing: command.path("runs/\(name)")).contents().records
  }

  @Test func countersAreWhatWasAskedFor() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(Self.suite(), to: "s.yaml")
    for (list, sources) in [
      ("none", Set<String>()), ("papi", ["papi", "papi-sde"]),
      ("perf", ["perf", "rusage", "proc"]),
      ("task-clock,cycles", ["perf", "papi"]),
    ] {
      let name = list.replacingOccurrences(of: ",", with: "-")
      let result = try command.run(
        "run", "s.yaml", "--counters", list, "--output", "runs", "--name", name)
      #expect(result.code == 0, "\(result.errors)")
      for record in try records(command, name) {
        #expect(Set(record.counters.map(\.source)) == sources)
        #expect(record.counters.allSatisfy { $0.value.reason != "" })
      }
    }
    let wrong = try command.run("run", "s.yaml", "--counters", "cachegrnd")
    #expect(wrong.code == 2)
    #expect(wrong.errors.contains("did you mean 'cachegrind'?"))
  }

  @Test func samplesAloneGiveTheShareOfThePeak() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(Self.suite(timing: ", peakSamples: 9"), to: "s.yaml")
    let result = try command.run("run", "s.yaml", "--output", "runs", "--name", "alone")
    #expect(result.code == 0, "\(result.errors)")
    for record in try records(command, "alone") {
      let timing = try #require(record.timing.value)
      let alone = try #require(timing.alone)
      let peaks = try #require(alone.peaksGigaflopsPerSecond)
      // Fewer only where 9 samples of a millisecond take a quarter of the time of the case.
      #expect((1...9).contains(alone.count) && peaks.count == alone.count)
      let shares = zip(alone.samplesNanoseconds, peaks).map { nanoseconds, peak in
        Double(record.work.operations.products) / nanoseconds / peak
      }
      let share = try #require(timing.shareOfPeak.value)
      let (low, high) = (try #require(shares.min()), try #require(shares.max()))
      #expect((low...high).contains(share))
    }
    try command.write(Self.suite(timing: ", peakSample: 9"), to: "s.yaml")
    let wrong = try command.run("run", "s.yaml")
    #expect(wrong.code == 2 && wrong.errors.contains("did you mean 'peakSamples'?"))
  }

  @Test func everyRecordHasItsMetricsAndPhases() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(Self.suite(), to: "s.yaml")
    let result = try command.run("run", "s.yaml", "--output", "runs", "--name", "m")
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.errors.contains("of it timed or verified work"))
    for record in try records(command, "m") {
      let metrics = try #require(record.metrics)
      let rate = metrics.first { $0.name == "throughput" }?.value.value
      let timed = try #require(record.timing.value?.gigaflopsPerSecond.value)
      // The same quotient with its factors in another order.
      #expect(abs(try #require(rate) / timed - 1) < 1e-12)
      // Not counted, so there is a reason and no number.
      let exact = metrics.first { $0.name == "exact-flops-per-instruction" }
      #expect(exact?.value.reason?.isEmpty == false)
      #expect((record.phases?["timed"] ?? 0) > 0)
    }
    let footer = try JSONDecoder().decode(
      RunFooter.self,
      from: Data(contentsOf: URL(fileURLWithPath: command.path("runs/m/footer.json"))))
    #expect(footer.coverage["measured"] == 2)
    #expect((0...1).contains(footer.overheadShare))
  }

  @Test(.enabled(if: hasValgrind, "valgrind is not installed: apt-get install valgrind"))
  func instructionCountsAreEqualToTheDigit() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(Self.suite(), to: "s.yaml")
    var counts: [String: Set<Double>] = [:]
    for run in 1...5 {
      let result = try command.run(
        "run", "s.yaml", "--counters", "cachegrind", "--output", "runs", "--name", "c\(run)")
      #expect(result.code == 0, "\(result.errors)")
      for record in try records(command, "c\(run)") {
        let counter = try #require(record.counters.first)
        #expect(counter.name == "exact-instructions")
        // Valgrind hides AVX-512; the row says which kernels ran.
        #expect(counter.event?.contains("avx512") == false)
        #expect(counter.event?.contains("kernels") == true)
        counts[record.caseID, default: []].insert(try #require(counter.value.value))
      }
    }
    #expect(counts.count == 2)
    #expect(counts.allSatisfy { $0.value.count == 1 }, "\(counts)")
  }

  @Test func severalProcessesTakeTheRoundsOfACase() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(Self.suite(timing: ", processes: 2, cache: cold"), to: "s.yaml")
    let result = try command.run("run", "s.yaml", "--output", "runs", "--name", "p")
    #expect(result.code == 0, "\(result.errors)")
    for record in try records(command, "p") {
      let timing = try #require(record.timing.value)
      #expect(record.caseID.hasSuffix("/cold") && timing.cache == "cold")
      #expect(Set(timing.processes ?? []) == [0, 1])
      #expect(timing.alternatives.allSatisfy { $0.count == timing.processes?.count })
      #expect(timing.roundsOfProcesses.count == 2)
      #expect(timing.roundsOfProcesses.flatMap { $0 }.count == timing.processes?.count)
    }
  }

  /// The timing worker that `parent` has started, once there is one.
  private func timingWorker(of parent: Int32) throws -> Int32? {
    for _ in 0..<600 {
      for thread in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(parent)/task"))
        ?? []
      {
        let path = "/proc/\(parent)/task/\(thread)/children"
        let children = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        for child in children.split(separator: " ").compactMap({ Int32($0) }) {
          let line = try? String(contentsOfFile: "/proc/\(child)/cmdline", encoding: .utf8)
          if line?.contains("timing-worker") == true { return child }
        }
      }
      Thread.sleep(forTimeInterval: 0.02)
    }
    return nil
  }

  @Test func aKilledTimingProcessFailsItsCaseAndNoOther() throws {
    let command = try Command()
    defer { command.remove() }
    let timing = "target: 0.01 %, minimumRounds: 4, maximumRounds: 90000, timePerCase: 2 s"
    try command.write(
      Self.suite(timing: ", processes: 2").replacing(
        /target: .*200 ms/, with: timing), to: "s.yaml")
    let process = try command.process(["run", "s.yaml", "--output", "runs", "--name", "k"])
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let child = try #require(try timingWorker(of: process.processIdentifier))
    kill(child, SIGKILL)
    process.waitUntilExit()
    #expect(process.terminationStatus == 4)
    let records = try records(command, "k")
    #expect(records.count == 2)
    let explanation = try #require(records.first?.status.explanation)
    #expect(explanation.contains("timing process 1") && explanation.contains("signal 9"))
    #expect(records.last?.status == .measured)
  }

  @Test func aWorkerRefusesACaseThatItsSuiteLacks() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(Self.suite(), to: "s.yaml")
    for worker in ["cachegrind-worker", "timing-worker"] {
      let options =
        worker == "timing-worker"
        ? ["--process", "0", "--cpus", "", "--cache-bytes", "1"] : []
      let process = try command.process(
        [worker, "s.yaml", "--case", "nothing", "--seed", "1"] + options)
      let errors = Pipe()
      process.standardError = errors
      try process.run()
      let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationStatus == 2)
      #expect(text.contains("has no case 'nothing'"))
    }
  }

  @Test func exactFactsAreRecordedAndCompared() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(Self.suite(), to: "s.yaml")
    let gate = ["exact", "s.yaml", "--reference", "facts.json", "--no-cachegrind"]
    func run(_ more: String...) throws -> Command.Result {
      let arguments = gate + more
      return try command.run(
        arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
        arguments.count > 5 ? arguments[5] : "--notes")
    }
    #expect(try run().code == 2)
    #expect(try run("--update").code == 0)
    let same = try run()
    #expect(same.code == 0, "\(same.output)")
    #expect(same.output.split(separator: "\n").count { $0.hasPrefix("same") } == 2)
    let text = try String(contentsOfFile: command.path("facts.json"), encoding: .utf8)
    #expect(text.contains("\"allocations\" : 0"))
    let count = try #require(text.firstMatch(of: /"tiles_visited" : (\d+)/))
    try command.write(
      text.replacingOccurrences(of: count.output.0, with: "\"tiles_visited\" : 123456"),
      to: "facts.json")
    let changed = try run()
    #expect(changed.code == 4)
    #expect(changed.output.contains("counted tiles_visited: 123456 became"))
    try command.write("{}", to: "facts.json")
    #expect(try run().code == 2)
  }

  @Test func theMachineTellsItsNoise() throws {
    let command = try Command()
    defer { command.remove() }
    let result = try command.run(
      "machine", "noise", "--time-limit", "1", "--pairs", "8", "--format", "json")
    // A busy machine is unfit, which is a finding and no failure of the test.
    #expect(result.code == 0 || result.code == 5, "\(result.errors)")
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    #expect(object["schema"] as? String == "attnbench/1")
    let loads = try #require(object["loads"] as? [[String: Any]])
    #expect(loads.count == 2)
    #expect(loads.allSatisfy { ($0["smallestVisibleChange"] as? Double ?? -1) >= 0 })
    #expect(try command.run("machine", "noise", "--pairs", "2").code == 2)
    #expect(try command.run("machine", "noise", "--time-limit", "0").code == 2)
  }

  @Test func metricsAndCountersAreListed() throws {
    let command = try Command()
    defer { command.remove() }
    let metrics = try command.run("list", "metrics", "--format", "json").output
    #expect(metrics.contains("arithmetic-intensity") && metrics.contains("[GFLOP/s]"))
    let counters = try command.run("list", "counters").output
    for source in ["papi", "papi-sde", "perf", "rusage", "proc", "cachegrind"] {
      #expect(counters.contains("\n\(source) "))
    }
  }
}
