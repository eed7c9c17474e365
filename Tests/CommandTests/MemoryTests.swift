// SPDX-License-Identifier: MIT

import Foundation
import ResultStore
import Testing

/// Memory is planned before it is taken, and the plan is what a process takes.
@Suite(.serialized) struct MemoryTests {
  private static func suite(_ mechanism: String, _ shape: String) -> String {
    """
    suite: memory
    machines: [h100]
    timing: { target: 90 %, minimumRounds: 2, maximumRounds: 2, timePerCase: 10 ms }
    cases:
      - shapes: { \(shape) }
        mechanisms: [\(mechanism)]
    """
  }

  private static func records(
    _ command: Command, _ text: String, _ options: String...
  ) throws -> [CaseRecord] {
    let name = "m\(UInt32.random(in: 0 ... .max))"
    try command.write(text, to: "memory.yaml")
    let result = try command.run(
      ["run", "memory.yaml", "--output", "runs", "--name", name, "--counters", "none"] + options)
    #expect(result.code == 0, "\(result.errors)")
    return try RunFolder(existing: command.path("runs/\(name)")).contents().records
  }

  @Test func aCaseAboveTheLimitIsSkippedWithTheFigure() throws {
    let command = try Command()
    defer { command.remove() }
    let text = Self.suite("flash", "heads: 8, length: 4096, headDim: 64")
    let record = try #require(try Self.records(command, text, "--memory-limit", "30 MiB").first)
    let planned = try #require(record.memory.plannedBytes)
    guard case .skipped(let reason) = record.status else {
      Issue.record("\(record.status)")
      return
    }
    let figure = String(format: "%.1f MiB", Double(planned) / 0x1p20)
    #expect(reason == "it needs \(figure) of memory, --memory-limit is 30.0 MiB")
  }

  @Test(arguments: ["much", "5", "-1 GiB", "0 B", "3 s", "\u{1B}[2J GiB"])
  func aLimitThatIsNoSizeIsBadUsage(text: String) throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(Self.suite("flash", "heads: 1, length: 16, headDim: 16"), to: "memory.yaml")
    let result = try command.run("run", "memory.yaml", "--memory-limit=\(text)")
    #expect(result.code == 2)
    #expect(result.errors.contains("--memory-limit"))
    #expect(!result.errors.contains("\u{1B}"))
    #expect(!FileManager.default.fileExists(atPath: command.path("Results")))
  }

  /// Nobody takes a terabyte: the case is refused by arithmetic.
  @Test func aCaseThatNoMachineHoldsIsSkipped() throws {
    let command = try Command()
    defer { command.remove() }
    let text = Self.suite("flash", "heads: 64, length: 2000000, headDim: 128")
    let record = try #require(try Self.records(command, text).first)
    guard case .skipped(let reason) = record.status else {
      Issue.record("\(record.status)")
      return
    }
    #expect(reason.contains("GiB of memory"))
  }

  /// What the system says of a program's peak begins at that of the program which started it.
  @Test func thePeakIsTheProgramsOwn() throws {
    let command = try Command()
    defer { command.remove() }
    let tiny = Self.suite("flash", "heads: 1, length: 16, headDim: 16")
    let much = 256 << 20
    let memory = UnsafeMutableRawPointer.allocate(byteCount: much, alignment: 4096)
    defer { memory.deallocate() }
    memset(memory, 1, much)
    let record = try #require(try Self.records(command, tiny).first)
    let peak = try #require(record.memory.peakResidentBytes.value)
    #expect((1 << 20..<much / 2).contains(peak), "\(peak >> 20) MiB")
  }

  private static let isLong = ProcessInfo.processInfo.environment["ATTNBENCH_LONG"] != nil

  /// Mechanisms of every engine, each small and as large as several hundred MiB.
  private static let shapes: [(mechanisms: [String], shapes: [String])] = [
    (
      [
        "flash", "dense-blas", "bf16-flash", "sage1", "sage2", "linear", "performer", "hedgehog",
        "nystromformer", "fnet", "{ neighborhood: { window: 63 } }",
      ], ["heads: 2, length: 1024, headDim: 128", "heads: 96, length: 1024, headDim: 128"]
    ),
    (
      [
        "retention", "based", "hyena", "moba", "nsa", "{ minference-block: { order: byBlock } }",
      ],
      [
        "heads: 2, length: 1024, headDim: 64, causal: true",
        "heads: 128, length: 1024, headDim: 64, causal: true",
      ]
    ),
    // Its weights grow with the square of the channels.
    (["fftnet"], ["heads: 2, length: 1024, headDim: 64", "heads: 16, length: 4096, headDim: 64"]),
    (
      ["split-kv", "{ split-kv: { keyValuePrecision: int8 } }"],
      [
        "heads: 4, length: 1, keyLength: 1024, headDim: 128, causal: true",
        "heads: 32, length: 1, keyLength: 16384, headDim: 128, causal: true",
      ]
    ),
  ]

  private static let problems = shapes.flatMap { group in
    group.mechanisms.flatMap { mechanism in group.shapes.map { (mechanism, $0) } }
  }

  /// Peak of a process with one case, less that of a process with a tiny one.
  @Test(.enabled(if: isLong), arguments: problems)
  func thePlanIsWhatAProcessTakes(mechanism: String, shape: String) throws {
    let command = try Command()
    defer { command.remove() }
    let tiny = Self.suite("flash", "heads: 1, length: 16, headDim: 16")
    let setUp = try #require(
      try Self.records(command, tiny, "--threads", "1").first?.memory.peakResidentBytes.value)
    let record = try #require(
      try Self.records(command, Self.suite(mechanism, shape), "--threads", "1").first)
    guard case .measured = record.status else {
      Issue.record("\(record.status)")
      return
    }
    let planned = try #require(record.memory.plannedBytes)
    let taken = try #require(record.memory.peakResidentBytes.value) - setUp
    // A tenth from 256 MiB on; below, 16 MiB for what libraries and the allocator keep.
    let slack = planned >= 256 << 20 ? planned / 10 : 16 << 20
    print("planned \(planned >> 20) MiB, took \(taken >> 20) MiB: \(record.caseID)")
    #expect(
      abs(taken - planned) <= slack, "planned \(planned >> 20) MiB, took \(taken >> 20) MiB")
  }
}
