// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import AttentionReference

/// Who attends to whom under a mechanism, at a size that can be drawn.
public struct AttentionSketch: Sendable {
  public let map: AttentionMap
  /// The size that the map shows; smaller than the one asked for where that was too large.
  public let shape: AttentionShape
  /// What has to be said beside the picture, or nil.
  public let note: String?

  /// Tokens up to which a static mask is drawn.
  public static let tokenLimit = 8192
  /// Tokens up to which an oracle in Double is asked for a selection.
  static let probeLimit = 1024

  /// The map of query head `head` of a mechanism at exactly `shape`.
  ///
  /// Static masks come from the tile schedule that the engine executes; mechanisms that select are
  /// asked through their oracle, on Gaussian inputs.
  ///
  /// - Throws: ``AttentionSketchError`` where there is nothing to draw, `MechanismError` where the
  ///   parameters do not fit the shape.
  public init(
    _ entry: MechanismEntry, overrides: [String: String], shape: AttentionShape, head: Int = 0,
    seed: Seed, limit: Int = tokenLimit
  ) throws {
    guard (0..<shape.queryHeads).contains(head) else {
      throw AttentionSketchError.noSuchHead(head, count: shape.queryHeads)
    }
    let mechanism = try entry.make(overrides, shape: shape)
    self.shape = shape
    switch try Self.source(of: mechanism.plan, mechanism: entry.id) {
    case .schedule(let attend):
      try Self.check(shape, limit: limit)
      let heads = HeadSchedules(stage: attend, shape: shape, tile: .standard)
      map = AttentionMap(
        schedule: heads.schedules[heads.ofHead[head]], queryLength: shape.queryLength,
        grid: shape.grid)
      note = Self.note(attend, heads: heads, head: head)
    case .order:
      try Self.check(shape, limit: limit)
      map = AttentionMap(shape: shape) { query, key in key < shape.visibleKeys(query: query) }
      note = nil
    case .oracle:
      try Self.check(shape, limit: min(limit, Self.probeLimit))
      // Heads see other inputs and nothing else; the first needs no others.
      map = try Self.probe(
        entry, overrides: overrides, shape: head == 0 ? shape.oneHead() : shape, head: head,
        seed: seed)
      note = "selection on Gaussian inputs, seed \(seed.value)"
    }
  }

  /// The map at `shape` or, where that is too large, at halves of its axes that still fit.
  public init(
    reducing entry: MechanismEntry, overrides: [String: String], shape: AttentionShape,
    head: Int = 0, seed: Seed, limit: Int = tokenLimit
  ) throws {
    var candidate = try shape.with(batch: 1)
    while true {
      do {
        try self.init(
          entry, overrides: overrides, shape: candidate, head: head, seed: seed, limit: limit)
        return
      } catch let error as AttentionSketchError {
        guard case .tooLarge = error, let half = try candidate.halved() else { throw error }
        candidate = half
      }
    }
  }

  /// The first query head of every distinct static mask of a mechanism at `shape`.
  public static func distinctHeads(
    _ entry: MechanismEntry, overrides: [String: String], shape: AttentionShape
  ) throws -> [Int] {
    for case .attend(let attend) in try entry.make(overrides, shape: shape).plan.stages {
      guard case .patterns(let heads) = attend.rule else { continue }
      return heads.patterns.indices.compactMap { heads.ofHead.firstIndex(of: $0) }.sorted()
    }
    return [0]
  }

  /// What the picture of a static mask leaves out.
  private static func note(_ attend: Attend, heads: HeadSchedules, head: Int) -> String? {
    var notes: [String] = []
    if attend.diagonalMask != nil {
      notes.append("runs without tiles; shown as tiles would run it")
    }
    let patterns = Set(heads.ofHead).count
    if case .patterns(let mask) = attend.rule, mask.picksFrequentKeys(head: head) {
      notes.append("head \(head), one of \(patterns) different masks")
      notes.append("keys that are frequent in the data are not shown")
      return notes.joined(separator: "; ")
    }
    if patterns > 1 { notes.append("head \(head), one of \(patterns) different masks") }
    if let summaries = heads.summaries[heads.ofHead[head]] {
      notes.append("\(summaries.keyLength) means of keys beside the keys are not shown")
    }
    return notes.isEmpty ? nil : notes.joined(separator: "; ")
  }

  private enum Source {
    case schedule(Attend)
    /// What the order of tokens allows.
    case order
    case oracle
  }

  private static func source(of plan: Plan, mechanism: String) throws -> Source {
    for stage in plan.stages {
      switch stage {
      case .attend(let attend): return .schedule(attend)
      case .explicitScores, .decode: return .order
      case .attendSelected, .gatedBranches: return .oracle
      case .scan, .features, .lowRank, .convolve, .mixTokens: continue
      }
    }
    throw AttentionSketchError.noPairs(mechanism: mechanism)
  }

  private static func check(_ shape: AttentionShape, limit: Int) throws {
    guard max(shape.queryLength, shape.keyLength) <= limit else {
      throw AttentionSketchError.tooLarge(
        tokens: max(shape.queryLength, shape.keyLength), limit: limit)
    }
  }

  /// Pairs of non-zero weight: with the identity as values an output row holds the weights.
  ///
  /// The engine selects, since some oracles only evaluate a selection that was made.
  package static func probe(
    _ entry: MechanismEntry, overrides: [String: String], shape: AttentionShape, head: Int = 0,
    seed: Seed
  ) throws -> AttentionMap {
    let keys = shape.keyLength
    let mechanism = try probed(entry, overrides: overrides, shape: shape)
    let wide = mechanism.plan.shape
    let identity = Tensor<Float>(
      wide.valueExtents,
      (0..<wide.keyValueHeads * keys * keys).map { $0 % (keys * keys) % (keys + 1) == 0 ? 1 : 0 })
    let inputs = AttentionInputs.queryKeyValue(
      query: gaussian(wide.queryExtents, seed.child("query")),
      key: gaussian(wide.keyExtents, seed.child("key")), value: identity)
    let drawn = mechanism.drawWeights(seed.child("weights"))
    let weights = mechanism.oracle(
      ReferenceProblem(
        shape: wide, inputs: inputs, weights: drawn,
        selection: try selection(of: mechanism, inputs, drawn))
    ).values
    let first = head * shape.queryLength * keys
    return AttentionMap(shape: shape) { weights[first + $0 * keys + $1] != 0 }
  }

  /// The mechanism with values as wide as there are keys; some want queries as wide as values.
  private static func probed(
    _ entry: MechanismEntry, overrides: [String: String], shape: AttentionShape
  ) throws -> any AttentionMechanism {
    func mechanism(headDim: Int) throws -> any AttentionMechanism {
      try entry.make(
        overrides,
        shape: try AttentionShape(
          queryHeads: shape.queryHeads, keyValueHeads: shape.keyValueHeads,
          queryLength: shape.queryLength, keyLength: shape.keyLength, headDim: headDim,
          valueDim: shape.keyLength, causality: shape.causality, grid: shape.grid,
          scale: shape.scale))
    }
    do {
      return try mechanism(headDim: shape.headDim)
    } catch MechanismError.unsupportedShape {
      return try mechanism(headDim: shape.keyLength)
    }
  }

  private static func selection(
    of mechanism: any AttentionMechanism, _ inputs: AttentionInputs, _ weights: WeightSet
  ) throws -> Selection? {
    guard let kernels = KernelTable.available.last else { return nil }
    let engine = try Engines.prepare(
      mechanism.plan, weights: weights,
      context: ExecutionContext(kernels: kernels, pool: WorkerPool(threads: 1, pins: false)))
    engine.run(inputs, into: Tensor<Float>(mechanism.outputExtents))
    return engine.selection
  }

  private static func gaussian(_ extents: [Int], _ seed: Seed) -> Tensor<Float> {
    var stream = SplitMix64(seed: seed)
    return Tensor(extents, (0..<Extents(extents).count).map { _ in stream.normal() })
  }
}

/// Why a mechanism has no picture of its pairs.
public enum AttentionSketchError: Error, Hashable, Sendable {
  case noPairs(mechanism: String)
  case noSuchHead(Int, count: Int)
  case tooLarge(tokens: Int, limit: Int)
}

extension AttentionSketchError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noPairs(let mechanism):
      "'\(mechanism)' has no mask to draw: its queries meet the keys through a state or a transform"
    case .noSuchHead(let head, let count):
      "there is no head \(head) among \(count); count from 0"
    case .tooLarge(let tokens, let limit):
      "\(tokens) tokens are too many to draw pair by pair; give a --grid or --length of at most "
        + "\(limit)"
    }
  }
}

extension AttentionShape {
  /// One batch element of this shape, with its longest axis halved until it has at most `limit`
  /// queries and keys or cannot be halved.
  package func reduced(toTokens limit: Int) throws(ShapeError) -> AttentionShape {
    var shape = try with(batch: 1)
    while max(shape.queryLength, shape.keyLength) > limit, let half = try shape.halved() {
      shape = half
    }
    return shape
  }

  /// One batch element and one head of this shape.
  fileprivate func oneHead() throws(ShapeError) -> AttentionShape {
    try with(batch: 1, queryHeads: 1, keyValueHeads: 1)
  }

  /// The shape with its longest axis halved, or nil where it cannot be.
  fileprivate func halved() throws(ShapeError) -> AttentionShape? {
    let extra = keyLength - queryLength
    guard let grid else {
      guard min(queryLength, keyLength) > 1 else { return nil }
      return try with(queryLength: queryLength / 2, keyLength: keyLength / 2)
    }
    guard let longest = grid.values.indices.max(by: { grid[$0] < grid[$1] }), grid[longest] > 1
    else { return nil }
    var values = grid.values
    values[longest] /= 2
    let smaller = Extents(values)
    return try with(
      queryLength: smaller.count, keyLength: smaller.count + extra, grid: .some(smaller))
  }
}
