// SPDX-License-Identifier: MIT

import AttentionCore
import Simulator
import Testing

@Suite struct BoundReportTests {
  @Test func theVideoProblemHasThePublishedBoundsOnAB200() throws {
    let shape = try Self.shape(tokens: 115_200, heads: 24, dim: 128)
    let layout = TileLayout.tiles(TilePair(query: [4, 8, 8], key: [2, 8, 8]), .static)
    let report = try BoundReport(
      plan: Self.neighborhood(shape, [30, 48, 80], [18, 24, 24]), dense: Self.flash(shape),
      machine: BuiltInMachines.machine(id: "b200"), layout: layout)
    #expect(report.flopBound == 115_200.0 / 10_368)
    #expect(report.worstTileBound == 900.0 / 275)
    #expect(report.tileBound == 432_000.0 / 82_368)
    let roofline = try #require(report.rooflineBound)
    // Products and exponentials both fall with the pairs, and nothing else binds.
    #expect(abs(roofline - 115_200.0 / 10_368) < 1e-9)
    #expect(report.dense.repricedPrecision == .bfloat16)
    #expect(report.unpriced.isEmpty)
  }

  @Test func permutingTokensLowersTheBoundAndIsSharedByLayers() throws {
    let shape = try Self.shape(tokens: 115_200, heads: 24, dim: 128)
    let plan = Self.neighborhood(shape, [30, 48, 80], [18, 24, 24])
    let machine = try BuiltInMachines.machine(id: "b200")
    func bound(_ work: [StageWork]) throws -> Double {
      let report = try BoundReport(
        plan: plan, dense: Self.flash(shape), machine: machine,
        layout: .tiles(TilePair(query: [4, 8, 8], key: [2, 8, 8]), .static), extraWork: work)
      return try #require(report.rooflineBound)
    }
    let none = try bound([])
    let once = try bound([.tokenPermutation(shape: shape)])
    let shared = try bound([.tokenPermutation(shape: shape, layers: 60)])
    #expect(once < shared)
    #expect(shared < none)
    // Four tensors of 24 x 115,200 x 128 elements, read and written in bfloat16.
    let permutation = StageWork.tokenPermutation(shape: shape)
    let floor = RooflineFloor(work: [permutation], machine: machine)
    #expect(floor.seconds == Double(8 * 2 * 24 * 115_200 * 128) / 8e12)
  }

  @Test func int8AttentionIsBoundedByItsExponentialsWhereTheyAreSlow() throws {
    let shape = try Self.shape(tokens: 32_768, heads: 8, dim: 64)
    let rule = QuantizationRule(
      queryGroup: 32, keyGroup: 64, smoothsKeys: true, valuePrecision: .int8)
    let quantised = Plan(shape: shape, stages: [.attend(Attend(precision: .int8(rule)))])
    let report = try BoundReport(
      plan: quantised, dense: Self.flash(shape), machine: Machine(host: .example, title: "host"))
    #expect(report.flopBound == 1)
    #expect(report.tileBound == 1)
    #expect(report.mechanism.binding == .products(.vector))
    // Int8 products run at four times the rate; quantising costs a little.
    #expect((3.9...4).contains(try #require(report.rooflineBound)))
    let slow = HostRoofRates(
      threads: 2, rates: [.float32: 2e11, .int8: 8e11, .exponential: 2e9],
      levels: HostRoofRates.example.levels, source: "probe")
    let bound = try BoundReport(
      plan: quantised, dense: Self.flash(shape), machine: Machine(host: slow, title: "host"))
    // 256 operations at 200 G/s against one exponential at 2 G/s, whatever the products cost.
    #expect(bound.mechanism.binding == .exponentials)
    #expect((2.5...2.56).contains(try #require(bound.rooflineBound)))
  }

  @Test func tilesOfTheEngineAreTheDefaultLayout() throws {
    let shape = try Self.shape(tokens: 1_024, heads: 1, dim: 32)
    let plan = Self.neighborhood(shape, [32, 32], [7, 7])
    let report = try BoundReport(
      plan: plan, dense: Self.flash(shape), machine: BuiltInMachines.machine(id: "zen4"))
    guard case .attend(let stage) = plan.stages[0], case .counted(let tiles) = report.tiles else {
      Issue.record("a neighborhood has tiles")
      return
    }
    let schedule = TileSchedule(stage: stage, shape: shape, tile: .standard)
    #expect(tiles.mechanism.tilesVisited == schedule.counts.visited)
    #expect(tiles.dense.tilesVisited == 32 * 128)
    #expect(report.tileBound == 4_096.0 / Double(schedule.counts.visited))
  }

  @Test func flatStripsAreCountedAsTheEngineRunsThem() throws {
    let shape = try Self.shape(tokens: 600, heads: 1, dim: 32)
    let plan = Self.neighborhood(shape, [20, 30], [5, 7], tiling: .flat)
    guard case .attend(let stage) = plan.stages[0] else { return }
    let outcome = try TileOutcome(
      plan: plan, dense: Self.flash(shape), layout: .engine(.standard))
    guard case .counted(let tiles) = outcome else {
      Issue.record("a small flat schedule is enumerated")
      return
    }
    let counts = TileSchedule(stage: stage, shape: shape, tile: .standard).counts
    #expect(tiles.mechanism.tilesVisited == counts.visited)
    #expect(tiles.mechanism.attendedPairs == 600 * 35)
  }

  @Test func aCausalBaselineIsComparedTileByTile() throws {
    let shape = try AttentionShape(queryLength: 1_024, headDim: 64, causality: .bottomRight)
    let report = try BoundReport(
      plan: Self.flash(shape), dense: Self.flash(shape),
      machine: BuiltInMachines.machine(id: "h100"),
      layout: .tiles(TilePair(query: 128, key: 128), .static))
    #expect(report.flopBound == 1)
    #expect(report.tileBound == 1)
    #expect(report.worstTileBound == 1)
    #expect(report.rooflineBound == 1)
  }

  @Test func aRefreshedResidualCostsDenseAttentionBesideTheMask() throws {
    let shape = try Self.shape(tokens: 1_024, heads: 1, dim: 32)
    let mask = HeadPatterns(HeadPattern(.band(from: -64, to: 63)), shape: shape)
    func report(_ residual: Attend.Residual) throws -> BoundReport {
      try BoundReport(
        plan: Plan(
          shape: shape, stages: [.attend(Attend(rule: .patterns(mask), residual: residual))]),
        dense: Self.flash(shape), machine: BuiltInMachines.machine(id: "zen4"))
    }
    let reused = try report(.reused(weight: "residual"))
    let refreshed = try report(.refreshed(weight: "residual"))
    #expect(try #require(reused.flopBound) > 8)
    #expect(try #require(reused.tileBound) > 6)
    #expect((0.85..<0.9).contains(try #require(refreshed.flopBound)))
    #expect(refreshed.tileBound == nil)
  }

  @Test func whatHasNoTilesSaysWhy() throws {
    let shape = try Self.shape(tokens: 512, heads: 4, dim: 32)
    let scan = Plan(
      shape: shape,
      stages: [
        .scan(Scan(featureMap: .elu1, normalizer: .sum(epsilon: 1e-6), chunkLength: 64))
      ])
    let report = try BoundReport(
      plan: scan, dense: Self.flash(shape), machine: BuiltInMachines.machine(id: "zen5"))
    #expect(report.tileBound == nil)
    #expect(report.worstTileBound == nil)
    guard case .notApplicable(let reason) = report.tiles else {
      Issue.record("a scan has no tiles")
      return
    }
    #expect(reason.contains("state"))
    #expect(try #require(report.flopBound) > 1)
  }

  @Test func mixersWithoutTheBaselinesProductsStillHaveARooflineBound() throws {
    let shape = try Self.shape(tokens: 4_096, heads: 12, dim: 64)
    let mixer = Plan(shape: shape, stages: [.mixTokens(.fourier2D)])
    let report = try BoundReport(
      plan: mixer, dense: Self.flash(shape), machine: BuiltInMachines.machine(id: "h100"))
    #expect(try #require(report.rooflineBound) > 1)
    #expect(report.mechanism.repricedPrecision == nil)
  }

  @Test func theEfficiencyLengthIsTheFirstThatPays() throws {
    let machine = try Machine(host: .example, title: "host")
    let scan = LengthScan(machine: machine) { length in
      let shape = try Self.shape(tokens: length, heads: 1, dim: 64)
      let linear = Plan(
        shape: shape,
        stages: [.scan(Scan(featureMap: .identity, normalizer: .none, chunkLength: 64))])
      return (linear, Self.flash(shape))
    }
    let length = try #require(try scan.efficiencyLength(in: 1...100_000))
    #expect(try #require(try scan.point(at: length)).isFaster)
    #expect(try #require(try scan.point(at: length - 1)).isFaster == false)
    #expect(try scan.efficiencyLength(among: 1...1_000) == length)
    #expect(try scan.efficiencyLength(in: 1...length - 1) == nil)
    // 256 N^2 operations against 16,384 N cross at 64; from there on ranges of queries fill both
    // threads.
    #expect(length == 65)
  }

  @Test func theBindingCeilingChangesWithTheLength() throws {
    let machine = try BuiltInMachines.machine(id: "h100")
    let scan = LengthScan(machine: machine) { length in
      let shape = try AttentionShape(queryHeads: 132, queryLength: length, headDim: 128)
      return (Self.flash(shape), Self.flash(shape))
    }
    let changes = try scan.bindingChanges(among: (0...14).map { 1 << $0 })
    #expect(changes.map(\.binding) == [.memory(level: "HBM3"), .products(.matrix)])
    // 67,584 N^2 operations and 135,168 N bytes cross at 590 tokens.
    #expect(changes.map(\.length) == [1, 1_024])
  }

  @Test func endToEndGainsAreBoundedByTheShare() throws {
    let model = try EndToEnd(attentionShare: 0.6, steps: 50, denseSteps: 25)
    #expect(abs(model.replacedShare - 0.3) < 1e-15)
    #expect(model.speedUp(attention: 1) == 1)
    #expect(abs(model.speedUp(attention: .infinity) - model.limit) < 1e-15)
    #expect(throws: SimulatorError.shareOutOfRange(name: "attention share", value: 1.5)) {
      try EndToEnd(attentionShare: 1.5)
    }
    #expect(throws: SimulatorError.shareOutOfRange(name: "dense steps over steps", value: 1.5)) {
      try EndToEnd(attentionShare: 0.5, steps: 2, denseSteps: 3)
    }
  }

  private static func shape(tokens: Int, heads: Int, dim: Int) throws -> AttentionShape {
    try AttentionShape(queryHeads: heads, queryLength: tokens, headDim: dim)
  }

  private static func flash(_ shape: AttentionShape) -> Plan {
    Plan(shape: shape, stages: [.attend(Attend())])
  }

  private static func neighborhood(
    _ shape: AttentionShape, _ grid: [Int], _ window: [Int], tiling: QueryTiling = .fitted
  ) -> Plan {
    let axes = zip(grid, window).map {
      AxisWindow(length: $0, window: $1, stride: 1, dilation: 1, isCausal: false)
    }
    let rule = MaskRule.neighborhood(NeighborhoodMask(axes: axes))
    return Plan(shape: shape, stages: [.attend(Attend(rule: rule, queryTiling: tiling))])
  }
}
