// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import ResultStore
import Simulator
import SuiteRunner
import Testing

@Suite struct SimulationReportTests {
  @Test func aCausalWindowIsComparedWithCausalDenseAttention() throws {
    let shape = try AttentionShape(queryLength: 1_024, headDim: 64, causality: .bottomRight)
    let report = try Self.report("neighborhood", ["window": "64"], shape)
    #expect(report.baseline == "flash, causal")
    #expect(report.allPairs == 1_048_576)
    #expect(report.densePairs == 524_800)
    // 64 keys each but for the first 63 queries, which see fewer.
    let attended = 1_024 * 64 - 63 * 64 / 2
    #expect(report.attendedPairs.value == attended)
    #expect(report.flopBound.value == 524_800.0 / Double(attended))
    #expect(report.flopBoundOverAllPairs.value == 1_048_576.0 / Double(attended))
    let dense = try #require(report.tilesDense.value)
    #expect(dense < (try #require(report.tilesTotal.value)))
    #expect(
      report.tileBound.value == Double(dense) / Double(try #require(report.tilesVisited.value)))
  }

  @Test func aSuiteAndTheCommandGiveTheSameBounds() throws {
    for (causality, window) in [(Causality.none, "18x24x24"), (.none, "80"), (.bottomRight, "80")] {
      let grid = window.contains("x") ? Extents([30, 48, 80]) : nil
      let shape = try AttentionShape(
        queryLength: grid?.count ?? 2_048, headDim: 64, causality: causality, grid: grid)
      let report = try Self.report("neighborhood", ["window": window], shape)
      let item = try CaseSpecification(
        mechanismID: "neighborhood", overrides: ["window": window], shape: shape,
        input: .generated(.gaussian))
      let dense = try shape.with(grid: .some(nil))
      let pairs = MaskRule.sequence.attendedPairs(shape: dense)
      let own = try #require(item.mechanism.plan.attendedPairs)
      #expect(report.flopBound.value == Double(pairs) / Double(own))
    }
  }

  @Test func aWindowThatIsCausalByItselfIsNoted() throws {
    let shape = try AttentionShape(queryLength: 4_096, headDim: 64, grid: [16, 16, 16])
    let report = try Self.report(
      "neighborhood", ["window": "4x8x8", "causalAxes": "0"], shape)
    #expect(report.baseline == "flash, not causal")
    #expect(report.notes.count == 1)
    #expect(try Self.report("neighborhood", ["window": "4x8x8"], shape).notes.isEmpty)
  }

  @Test func tilesThatAMachineForbidsAreRefused() throws {
    let shape = try AttentionShape(queryLength: 4_096, headDim: 64, grid: [64, 64])
    let query = SimulationQuery(
      mechanismID: "neighborhood", overrides: ["window": "8x8"], shape: shape,
      machines: [try BuiltInMachines.machine(id: "h100")],
      tiles: TilePair(query: [4, 8], key: [8, 8]))
    #expect(throws: SimulatorError.self) { try SimulationReport(query) }
  }

  @Test func severalDevicesStandBesideEveryMachineThatHasLinks() throws {
    let shape = try AttentionShape(queryHeads: 8, queryLength: 65_536, headDim: 64)
    let report = try SimulationReport(
      SimulationQuery(
        mechanismID: "flash", overrides: [:], shape: shape,
        machines: try ["h100", "zen5"].map { try BuiltInMachines.machine(id: $0) },
        devices: .init(count: 4, partition: .ring)))
    let group = try #require(report.machines[0].sequenceParallel?.value)
    #expect(group.link == "NVLink 4")
    // 16,384 tokens of 8 heads, 128 channels, 2 bytes.
    #expect(group.bytesPerMessage == 16_384 * 8 * 128 * 2)
    #expect(report.machines[1].sequenceParallel?.reason?.contains("no links") == true)
    #expect(report.deviceRows.count == 1)
  }

  private static func report(
    _ id: String, _ overrides: [String: String], _ shape: AttentionShape
  ) throws -> SimulationReport {
    try SimulationReport(
      SimulationQuery(
        mechanismID: id, overrides: overrides, shape: shape,
        machines: [try BuiltInMachines.machine(id: "zen4")]))
  }
}
