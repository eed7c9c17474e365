// SPDX-License-Identifier: MIT

import Comparison
import Testing

struct QuantityTests {
  private func verdicts(
    _ change: (inout Records.Settings) -> Void, base: (inout Records.Settings) -> Void = { _ in }
  ) throws -> [ComparedQuantity: Verdict] {
    var left = Records.Settings()
    base(&left)
    var right = left
    change(&right)
    let found = QuantityJudgement.all(
      base: try Records.record("a", left), head: try Records.record("a", right),
      policy: ComparisonPolicy())
    return Dictionary(
      found.map { ($0.quantity, $0.verdict) }, uniquingKeysWith: { $0 == .same ? $1 : $0 })
  }

  @Test func equalRecordsAreTheSameInEverything() throws {
    #expect(try verdicts { _ in } == [.work: .same, .memory: .same, .error: .same])
  }

  @Test func oneTileMoreIsMoreWork() throws {
    #expect(try verdicts { $0.tiles = 101 }[.work] == .slower)
    #expect(try verdicts { $0.tiles = 99 }[.work] == .faster)
  }

  @Test func memoryMayGrowByFivePercent() throws {
    #expect(try verdicts { $0.workspace = 4300 }[.memory] == .same)
    #expect(try verdicts { $0.workspace = 4302 }[.memory] == .slower)
    #expect(try verdicts { $0.workspace = 3000 }[.memory] == .faster)
  }

  @Test func largerErrorsAreLessExact() throws {
    #expect(try verdicts { $0.relativeL2 = 6e-7 }[.error] == .same)
    #expect(try verdicts { $0.relativeL2 = 1e-6 }[.error] == .slower)
  }

  @Test func instructionsMayGrowByHalfAPercent() throws {
    #expect(
      try verdicts({ $0.instructions = 1_004_000 }, base: { $0.instructions = 1e6 })[.instructions]
        == .same)
    #expect(
      try verdicts({ $0.instructions = 1_006_000 }, base: { $0.instructions = 1e6 })[.instructions]
        == .slower)
    #expect(try verdicts { $0.instructions = 5 }[.instructions] == nil)
  }

  @Test func otherInputsAndTablesAreNotCompared() throws {
    #expect(try verdicts { $0.checksum = "1234" }[.work] == nil)
    let table = try verdicts {
      $0.table = "avx2"
      $0.relativeL2 = 1
      $0.tiles = 500
    }
    #expect(table[.error] == nil)
    #expect(table[.work] == .same)
  }
}
