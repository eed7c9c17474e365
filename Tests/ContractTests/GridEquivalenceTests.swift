// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import AttentionReference
import SuiteRunner
import Testing

/// Mechanisms on token grids that must be one another, or dense attention, at some parameters.
@Suite struct GridEquivalenceTests {
  /// One mechanism with its parameters.
  struct Setting: CustomTestStringConvertible, Sendable {
    let id: String
    let overrides: [String: String]

    init(_ id: String, _ overrides: [String: String] = [:]) {
      self.id = id
      self.overrides = overrides
    }

    var testDescription: String {
      ([id] + overrides.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
        .joined(separator: " ")
    }
  }

  private static func shape(_ grid: Extents, causal: Bool = false) throws -> AttentionShape {
    try AttentionShape(
      queryHeads: 4, keyValueHeads: 2, queryLength: grid.count, headDim: 16, valueDim: 12,
      causality: causal ? .bottomRight : .none, grid: causal ? nil : grid)
  }

  /// The error of one mechanism's engine against another one's oracle on the same inputs.
  private static func distance(
    _ engine: Setting, fromOracleOf oracle: Setting, _ shape: AttentionShape
  ) throws -> Double {
    let problem = try ContractProblem(ContractCase(engine.id, engine.overrides), shape: shape)
    let other = try MechanismCatalogue.entry(oracle.id).make(oracle.overrides, shape: shape)
    let reference = other.oracle(
      ReferenceProblem(shape: shape, inputs: problem.inputs, weights: problem.weights))
    return OutputComparison(try problem.run(Contexts.best).output, reference).relativeL2
  }

  /// Float32 rounding of a few hundred terms.
  private static let tolerance = 2e-6

  /// Mechanisms, the neighborhoods that they must be, and grids for both.
  static let neighborhoods: [(Setting, Setting, Extents)] = [
    (
      Setting("sliding-tile", ["tile": "4", "windows": "3"]),
      Setting("neighborhood", ["stride": "4", "window": "12"]), [40]
    ),
    (
      Setting("sliding-tile", ["tile": "3x4", "windows": "3x5"]),
      Setting("neighborhood", ["stride": "3x4", "window": "9x20"]), [15, 24]
    ),
    (
      Setting("sliding-tile", ["tile": "2x4x3", "windows": "1x3x3"]),
      Setting("neighborhood", ["stride": "2x4x3", "window": "2x12x9"]), [6, 12, 12]
    ),
    (
      Setting("freeswim", ["halfWindow": "3x2"]),
      Setting("neighborhood", ["window": "5x7x5"]), [5, 9, 11]
    ),
    (
      Setting("freeswim", ["halfWindow": "4"]), Setting("neighborhood", ["window": "9x9"]),
      [13, 11]
    ),
    (Setting("swin-window", ["window": "4x6", "relativeBias": "false"]), blocked, [12, 18]),
    (Setting("halo", ["block": "4x6", "halo": "0"]), blocked, [12, 18]),
    (Setting("maxvit", ["part": "block", "size": "4x6"]), blocked, [12, 18]),
    (Setting("twins", ["window": "4x6"]), blocked, [12, 18]),
  ]
  private static let blocked = Setting("neighborhood", ["window": "4x6", "stride": "4x6"])

  @Test(arguments: neighborhoods)
  func isANeighborhood(item: Setting, neighborhood: Setting, grid: Extents) throws {
    let shape = try Self.shape(grid)
    #expect(try Self.distance(item, fromOracleOf: neighborhood, shape) < Self.tolerance)
    #expect(try Self.distance(neighborhood, fromOracleOf: item, shape) < Self.tolerance)
  }

  /// Mechanisms with a budget that covers everything, and grids for them.
  static let complete: [(Setting, Extents)] = [
    (Setting("sliding-tile", ["tile": "3x4", "windows": "9x9"]), [15, 20]),
    (
      Setting("swin-window", ["window": "15x20", "relativeBias": "false", "shift": "all"]),
      [15, 20]
    ),
    (Setting("halo", ["block": "3x4", "halo": "15x20"]), [15, 20]),
    (Setting("clear", ["radius": "25"]), [15, 20]),
    (Setting("freeswim", ["halfWindow": "7x9"]), [15, 19]),
    (Setting("radial", ["blockSize": "8"]), [2, 150]),
    (Setting("radial", ["blockSize": "8", "form": "token"]), [2, 150]),
    (Setting("maxvit", ["size": "15x20"]), [15, 20]),
    (Setting("twins", ["part": "global", "reduction": "1"]), [15, 20]),
    (Setting("ditfastattn", ["step": "refresh", "window": "9"]), [300]),
    (Setting("sparse-videogen", ["sparsity": "1", "rounding": "1"]), [5, 60]),
  ]

  @Test(arguments: complete)
  func isDenseAttentionAtFullBudget(item: Setting, grid: Extents) throws {
    let shape = try Self.shape(grid)
    #expect(try Self.distance(item, fromOracleOf: Setting("flash"), shape) < Self.tolerance)
  }

  @Test func adaptiveMasksThatMustKeepEverythingAreCausalAttention() throws {
    let shape = try Self.shape([300], causal: true)
    let strict = Setting("fastgen", ["recovery": "1.5"])
    #expect(try Self.distance(strict, fromOracleOf: Setting("flash"), shape) < Self.tolerance)
    // The third mask keeps everything where all keys are frequent.
    let frequent = Setting("fastgen", ["recovery": "0.9999", "frequentShare": "1"])
    #expect(try Self.distance(frequent, fromOracleOf: Setting("flash"), shape) < Self.tolerance)
  }

  /// The masks of the paper's code: rolled tokens, slices of the rolled image, equal labels.
  @Test func shiftedWindowsAreMaskedDenseAttention() throws {
    let grid: Extents = [12, 16]
    let (window, shift) = ([6, 4], [3, 2])
    let shape = try Self.shape(grid)
    let problem = try ContractProblem(
      ContractCase("swin-window", ["window": "6x4", "shift": "all", "relativeBias": "false"]),
      shape: shape)
    func label(_ token: Int) -> [Int] {
      let position = grid.coordinate(of: token)
      return (0..<2).flatMap { axis -> [Int] in
        let rolled = (position[axis] + grid[axis] - shift[axis]) % grid[axis]
        let slice =
          rolled < grid[axis] - window[axis] ? 0 : rolled < grid[axis] - shift[axis] ? 1 : 2
        return [rolled / window[axis], slice]
      }
    }
    let labels = (0..<grid.count).map(label)
    let reference = ReferenceProblem(shape: shape, inputs: problem.inputs)
      .mapHeads { head, _, _ in
        SoftmaxReference.attend(head, scale: shape.softmaxScale) { labels[$0] == labels[$1] }
      }
    let output = try problem.run(Contexts.best).output
    #expect(OutputComparison(output, reference).relativeL2 < Self.tolerance)
  }

  @Test func doubleAttentionIsPlainAndShiftedWindowsByHeads() throws {
    let shape = try Self.shape([16, 24])
    let problem = try ContractProblem(ContractCase("styleswin"), shape: shape)
    let output = try problem.run(Contexts.best).output
    let halves = try ["none", "all"].map { shift in
      try MechanismCatalogue.entry("swin-window").make(
        ["window": "8", "shift": shift], shape: shape
      ).oracle(
        ReferenceProblem(shape: shape, inputs: problem.inputs, weights: problem.weights))
    }
    let half = output.count / 2
    let joined = ReferenceOutput(
      extents: halves[0].extents,
      values: Array(halves[0].values[..<half] + halves[1].values[half...]))
    #expect(OutputComparison(output, joined).relativeL2 < Self.tolerance)
    #expect(OutputComparison(output, halves[0]).relativeL2 > 0.01)
  }

  /// A sampler's two steps: the second adds the rest that the first one stored.
  @Test func aReusedResidualOfTheSameInputsGivesDenseAttention() throws {
    let shape = try Self.shape([300])
    let refresh = try ContractProblem(
      ContractCase("ditfastattn", ["step": "refresh", "window": "20"]), shape: shape)
    let reuse = try MechanismCatalogue.entry("ditfastattn").make(["window": "20"], shape: shape)
    let context = try Contexts.best
    _ = try refresh.run(context)
    let engine = try Engines.prepare(reuse.plan, weights: refresh.weights, context: context)
    let output = Tensor<Float>(shape.outputExtents)
    engine.run(refresh.inputs, into: output)
    let dense = SoftmaxReference.dense(ReferenceProblem(shape: shape, inputs: refresh.inputs))
    #expect(OutputComparison(output, dense).relativeL2 < Self.tolerance)
  }

  static let refused: [Setting] = [
    Setting("sliding-tile", ["tile": "9"]), Setting("sliding-tile", ["windows": "0"]),
    Setting("sliding-tile", ["textTokens": "3", "grid": "8"]),
    Setting("freeswim", ["halfWindow": "4"]),
    Setting("swin-window", ["window": "0"]), Setting("halo", ["block": "9"]),
    Setting("halo", ["halo": "-1"]), Setting("clear", ["radius": "0"]), Setting("radial"),
    Setting("maxvit", ["size": "9"]), Setting("twins", ["reduction": "0"]),
    Setting("ditfastattn", ["window": "-1"]), Setting("sparse-videogen"),
  ]

  @Test(arguments: refused)
  func whatDoesNotFitIsRefused(item: Setting) throws {
    let shape = try AttentionShape(queryLength: 8, headDim: 4)
    #expect(throws: MechanismError.self) {
      try MechanismCatalogue.entry(item.id).make(item.overrides, shape: shape)
    }
  }
}
