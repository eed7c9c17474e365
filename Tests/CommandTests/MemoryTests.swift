// SPDX-License-Identifier: MIT

import Foundation
import ResultStore
import Testing

/// Memory is planned before it is taken, and the plan is what a process takes.
@Suite(.serialized) struct MemoryTests {
  private static func suite(_ mechanisms: [String], heads: Int, length: Int, headDim: Int) -> String
  {
    """
    suite: memory
    machines: [h100]
    timing: { target: 90 %, minimumRounds: 2, maximumRounds: 2, timePerCase: 10 ms }
    cases:
      - shapes: { heads: \(heads), length: \(length), headDim: \(headDim) }
        mechanisms: [\(mechanisms.joined(separator: ", "))]
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
    let text = Self.suite(["flash"], heads: 8, length: 4096, headDim: 64)
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
    try command.write(Self.suite(["flash"], heads: 1, length: 16, headDim: 16), to: "memory.yaml")
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
    let text = Self.suite(["flash"], heads: 64, length: 2_000_000, headDim: 128)
    let record = try #require(try Self.records(command, text).first)
    guard case .skipped(let reason) = record.status else {
      Issue.record("\(record.status)")
      return
    }
    #expect(reason.contains("GiB of memory"))
  }

  private static let isLong = ProcessInfo.processInfo.environment["ATTNBENCH_LONG"] != nil

  /// Peak of a process with one case, less that of a process with a tiny one.
  ///
  /// Only in the long form: plans are known to be a fifth too high for linear attention.
  @Test(.enabled(if: isLong)) func thePlanIsWhatAProcessTakes() throws {
    let command = try Command()
    defer { command.remove() }
    let tiny = Self.suite(["flash"], heads: 1, length: 16, headDim: 16)
    let setUp = try #require(
      try Self.records(command, tiny, "--threads", "1").first?.memory.peakResidentBytes.value)
    let mechanisms = [
      "flash", "linear", "bf16-flash", "sage1", "dense-blas", "performer", "fnet",
      "neighborhood: { window: 63 }",
    ]
    for mechanism in mechanisms {
      for heads in [2, 96] {
        let text = Self.suite(
          [mechanism.contains(":") ? "{ \(mechanism) }" : mechanism], heads: heads, length: 1024,
          headDim: 128)
        let record = try #require(try Self.records(command, text, "--threads", "1").first)
        let planned = try #require(record.memory.plannedBytes)
        let peak = try #require(record.memory.peakResidentBytes.value)
        let taken = peak - setUp
        // A tenth from 256 MiB on; below, 16 MiB for what libraries and the allocator keep.
        let slack = planned >= 256 << 20 ? planned / 10 : 16 << 20
        #expect(
          abs(taken - planned) <= slack,
          "\(mechanism), \(heads) heads: planned \(planned >> 20) MiB, took \(taken >> 20) MiB")
      }
    }
  }
}
