// SPDX-License-Identifier: MIT

import AttentionCore

/// The least time in which a machine can do a plan's work, and what sets it.
///
/// Inside a stage everything overlaps: the floor is the longest of its ceilings. Stages follow each
/// other: the total is the sum of their floors. Both are lower bounds of any real run.
public struct RooflineFloor: Hashable, Sendable, Codable {
  public let stages: [StageFloor]
  /// The class at which Float32 products were priced, where it is not Float32 itself; bytes of
  /// Float32 tensors are then counted at the width of that class.
  public let repricedPrecision: RateClass?
  /// Classes of work without a rate on this machine; the floor leaves them out.
  public let unpriced: [OperationClass]
  /// Product operations per compulsory byte [FLOP/byte]; nil where no byte moves.
  public let arithmeticIntensity: Double?
  /// Intensity at which products and main memory take equally long [FLOP/byte]; nil where either
  /// has no rate or there is no product.
  public let ridgePoint: Double?

  /// The least time of the whole plan [s].
  public var seconds: Double { stages.reduce(0) { $0 + $1.seconds } }

  /// The ceiling that sets most of the time, or nil where nothing could be priced.
  public var binding: Ceiling.Kind? {
    var time: [Ceiling.Kind: Double] = [:]
    for stage in stages {
      guard let binding = stage.binding else { continue }
      time[binding.kind, default: 0] += binding.seconds
    }
    return time.max { ($0.value, $1.key.label) < ($1.value, $0.key.label) }?.key
  }
}

/// One stage of a plan on a machine.
public struct StageFloor: Hashable, Sendable, Codable {
  public let name: String
  /// Everything that bounds the stage, longest first.
  public let ceilings: [Ceiling]
  /// Rounds in which the machine's units take up the stage's independent pieces.
  public let waves: Int
  /// Pieces over what all waves have room for; time lost to a ragged last wave is not in the
  /// floor, since pieces need not be equal.
  public let waveEfficiency: Double

  public var binding: Ceiling? { ceilings.first }
  /// The least time of the stage [s].
  public var seconds: Double { binding?.seconds ?? 0 }
}

/// One lower bound of a stage's time.
public struct Ceiling: Hashable, Sendable, Codable {
  public enum Kind: Hashable, Sendable, Codable {
    case products(ExecutionUnit)
    case exponentials
    case elementwise
    case comparisons
    /// Bytes from or to the named level.
    case memory(level: String)

    /// The word in tables, such as `memory (HBM3)`.
    public var label: String {
      switch self {
      case .products(.matrix): "matrix products"
      case .products(.vector): "vector products"
      case .exponentials: "exponentials"
      case .elementwise: "element-wise"
      case .comparisons: "comparisons"
      case .memory(let level): "memory (\(level))"
      }
    }

    public var isMemory: Bool { if case .memory = self { true } else { false } }
  }

  public let kind: Kind
  public let seconds: Double
}

extension RooflineFloor {
  /// The floor of `work` on `machine`.
  ///
  /// Conversions to the precision that the machine's tensors already have are no part of it.
  public init(work: [StageWork], machine: Machine) {
    let pricing = Pricing(machine)
    let work = work.filter { !pricing.omits($0) }
    stages = work.map { pricing.floor(of: $0) }
    let operations = work.reduce(OperationCounts()) { $0 + $1.operations }
    unpriced = OperationClass.allCases.filter { operations[$0] > 0 && pricing.rate($0) == nil }
    repricedPrecision = pricing.reprices(operations) ? machine.nativePrecision : nil
    let bytes = work.reduce(0) { $0 + pricing.bytes(of: $1) }
    arithmeticIntensity = bytes > 0 ? Double(operations.products) / bytes : nil
    ridgePoint = pricing.ridgePoint(operations)
  }
}

extension Plan {
  /// The floor of the plan on `machine`.
  ///
  /// - Throws: ``SimulatorError/overflow(quantity:)`` if the operations of all pairs exceed 64 bits.
  public func floor(on machine: Machine) throws(SimulatorError) -> RooflineFloor {
    try checkWork()
    return RooflineFloor(work: work, machine: machine)
  }

  /// Throws if the operations of dense attention at this shape, which no plan without features
  /// exceeds by more than its preparation, or those of the features, do not fit 64 bits with room to
  /// spare.
  package func checkWork() throws(SimulatorError) {
    let heads = [shape.batch, shape.queryHeads]
    let channels = shape.headDim + shape.valueDim
    try Self.check(
      heads + [shape.queryLength, shape.keyLength, channels], "operations of all query-key pairs")
    let rows = shape.queryLength + shape.keyLength
    for stage in stages {
      if let features = stage.featureDim(shape: shape) {
        try Self.check(
          heads + [rows, max(features, channels), channels],
          "operations of the features of all rows")
      }
      if case .lowRank(let lowRank) = stage {
        let landmarks = lowRank.landmarks(shape: shape)
        try Self.check(
          heads + [landmarks, max(landmarks, channels), max(landmarks, rows, channels)]
            + [max(lowRank.iterations, 1)], "operations of all landmarks")
      }
    }
  }

  private static func check(_ sizes: [Int], _ quantity: String) throws(SimulatorError) {
    // A factor of 16 covers preparation, extra keys and features wider than a head.
    guard Extents(sizes + [16]).checkedCount != nil else { throw .overflow(quantity: quantity) }
  }
}

extension Stage {
  /// Channels of the features that a state is made of; nil where there is no state.
  fileprivate func featureDim(shape: AttentionShape) -> Int? {
    switch self {
    case .scan(let scan): scan.featureMap.featureDim(headDim: shape.headDim)
    case .features(let features): features.featureDim(shape: shape)
    default: nil
    }
  }
}
