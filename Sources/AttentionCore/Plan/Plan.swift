// SPDX-License-Identifier: MIT

/// What an engine executes and the simulator prices: the same short list of stages for both.
public struct Plan: Hashable, Sendable {
  public let shape: AttentionShape
  public let stages: [Stage]

  public init(shape: AttentionShape, stages: [Stage]) {
    self.shape = shape
    self.stages = stages
  }

  /// The pure work of every stage, in order.
  public var work: [StageWork] { stages.flatMap { $0.work(shape: shape) } }

  /// The sum of all stages' operations.
  public var operations: OperationCounts {
    work.reduce(OperationCounts()) { $0 + $1.operations }
  }

  /// The stage that chooses keys from the data, where there is one.
  public var selectingStage: AttendSelected? {
    for stage in stages {
      switch stage {
      case .attendSelected(let stage): return stage
      case .gatedBranches(let branches): return branches.selection
      default: continue
      }
    }
    return nil
  }

  /// The plan with the pairs of a selection that was made in place of what is known beforehand.
  public func realised(_ selection: Selection) -> Plan {
    Plan(
      shape: shape,
      stages: stages.map { stage in
        switch stage {
        case .attend(let attend):
          return .attend(attend.realised(selection, shape: shape))
        case .attendSelected(let selected):
          return .attendSelected(selected.realised(selection, shape: shape))
        case .gatedBranches(let branches):
          return .gatedBranches(branches.realised(selection, shape: shape))
        default: return stage
        }
      })
  }

  /// Bytes in Float32 that a decoder carries from token to token, where there is a state [byte].
  ///
  /// They do not grow with the sequence.
  public var stateBytes: Int? {
    switch stages.first {
    case .scan(let scan):
      let features = scan.featureMap.featureDim(headDim: shape.headDim)
      let width = shape.valueDim + (scan.normalizer == .none ? 0 : 1)
      return 4 * shape.batch * shape.queryHeads * features * width
    case .features(let stage) where stage.local == nil:
      return 4 * stage.stateCount(shape: shape)
    default: return nil
    }
  }

  /// Whether its pairs are counted query by query, so that long sequences take long to describe.
  public var countsEveryQuery: Bool {
    stages.contains { stage in
      guard case .attend(let attend) = stage, case .patterns = attend.rule else { return false }
      return true
    }
  }

  /// Query-key pairs of all heads that the mechanism attends to, where it works on pairs.
  public var attendedPairsOfHeads: Int? {
    for case .attend(let attend) in stages {
      return shape.batch * attend.rule.attendedPairsOfHeads(shape: shape)
    }
    for case .attendSelected(let selected) in stages {
      // A selection that was made has its pairs over all heads, which may differ.
      if let pairs = selected.realisedPairs { return pairs }
    }
    return attendedPairs.map { $0 * shape.batch * shape.queryHeads }
  }

  /// Query-key pairs of one head that the mechanism attends to, where it works on pairs.
  ///
  /// The mean over heads, rounded down, where they differ; nil while their number waits for the data.
  public var attendedPairs: Int? {
    for stage in stages {
      switch stage {
      case .attend(let attend): return attend.rule.attendedPairs(shape: shape)
      case .attendSelected(let selected): return selected.attendedPairs(shape: shape)
      case .gatedBranches(let branches): return branches.attendedPairs(shape: shape)
      case .explicitScores, .decode: return MaskRule.sequence.attendedPairs(shape: shape)
      case .scan, .features, .lowRank, .convolve, .mixTokens: continue
      }
    }
    return nil
  }
}

/// One step of a plan.
///
/// The list is closed: what does not fit needs an engine, not a hook.
public enum Stage: Hashable, Sendable {
  /// Dense attention that writes its scores out: the baselines without tiles.
  case explicitScores(ExplicitScores)
  /// Tiled softmax over keys known before the data.
  case attend(Attend)
  /// Tiled softmax over key blocks chosen by pooled scores.
  case attendSelected(AttendSelected)
  /// Pooled keys, chosen blocks and a window, added with gates.
  case gatedBranches(GatedBranches)
  /// Few queries against many keys, the keys split into ranges.
  case decode(Decode)
  /// A feature map and a running state.
  case scan(Scan)
  /// Feature maps made of steps, and a state.
  case features(FeatureAttention)
  /// Softmax or Gaussian kernels to a few landmarks.
  case lowRank(LowRank)
  /// Long convolutions by Fourier transforms.
  case convolve(LongConvolution)
  /// Fourier mixing of token features.
  case mixTokens(TokenMix)

  /// The pure work of the stage at `shape`.
  public func work(shape: AttentionShape) -> [StageWork] {
    switch self {
    case .explicitScores(let stage): stage.work(shape: shape)
    case .attend(let stage): stage.work(shape: shape)
    case .attendSelected(let stage): stage.work(shape: shape)
    case .gatedBranches(let stage): stage.work(shape: shape)
    case .decode(let stage): stage.work(shape: shape)
    case .scan(let stage): stage.work(shape: shape)
    case .features(let stage): stage.work(shape: shape)
    case .lowRank(let stage): stage.work(shape: shape)
    case .convolve(let stage): stage.work(shape: shape)
    case .mixTokens(let stage): stage.work(shape: shape)
    }
  }
}

/// Bytes of the tensors of a problem in Float32 [byte].
struct TensorBytes {
  let query, key, value, output: Int

  init(_ shape: AttentionShape) {
    query = 4 * Extents(shape.queryExtents).count
    key = 4 * Extents(shape.keyExtents).count
    value = 4 * Extents(shape.valueExtents).count
    output = 4 * Extents(shape.outputExtents).count
  }

  var inputs: Int { query + key + value }
}
