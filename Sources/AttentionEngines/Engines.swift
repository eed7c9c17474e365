// SPDX-License-Identifier: MIT

import AttentionCore

/// Finds the engine of a plan.
public enum Engines {
  /// Allocates everything that `plan` needs.
  ///
  /// - Throws: ``EngineError`` if no engine executes the plan or a library refuses.
  public static func prepare(
    _ plan: Plan, weights: WeightSet = WeightSet(), context: ExecutionContext
  ) throws(EngineError) -> any PreparedAttention {
    guard plan.stages.count == 1, let stage = plan.stages.first else {
      throw .unsupportedPlan("\(plan.stages.count) stages; every engine takes one")
    }
    switch stage {
    case .explicitScores(let stage):
      return PreparedExplicitScores(stage, shape: plan.shape, context: context)
    case .attend(let stage) where stage.precision == .float32:
      if let mask = stage.diagonalMask {
        return PreparedDiagonal(stage, mask: mask, shape: plan.shape, context: context)
      }
      if stage.needsWholeRows {
        return PreparedRowSoftmax(stage, shape: plan.shape, weights: weights, context: context)
      }
      if let chunk = stage.keyChunk {
        return PreparedChunkedSoftmax(stage, chunk: chunk, shape: plan.shape, context: context)
      }
      if let residual = stage.residual {
        return PreparedResidualSoftmax(
          stage, residual, shape: plan.shape, weights: weights, context: context)
      }
      return PreparedTiledSoftmax(stage, shape: plan.shape, weights: weights, context: context)
    case .attend(let stage) where stage.quantisation != nil:
      return try PreparedQuantisedSoftmax(stage, shape: plan.shape, context: context)
    case .attend(let stage):
      return try PreparedLowBitSoftmax(stage, shape: plan.shape, context: context)
    case .attendSelected(let stage):
      return PreparedSelectedSoftmax(
        stage, shape: plan.shape, weights: weights, context: context)
    case .gatedBranches(let stage):
      return PreparedGatedBranches(
        stage, shape: plan.shape, weights: weights, context: context)
    case .decode(let stage):
      return PreparedDecode(stage, shape: plan.shape, context: context)
    case .scan(let stage):
      return PreparedScan(stage, shape: plan.shape, weights: weights, context: context)
    case .features(let stage):
      return PreparedFeatureAttention(
        stage, shape: plan.shape, weights: weights, context: context)
    case .lowRank(let stage):
      return PreparedLowRank(stage, shape: plan.shape, weights: weights, context: context)
    case .convolve(let stage):
      return PreparedLongConvolution(
        stage, shape: plan.shape, weights: weights, context: context)
    case .mixTokens(let stage):
      return try PreparedTokenMix(stage, shape: plan.shape, weights: weights, context: context)
    }
  }

  /// The transforms alone that `plan` needs, to be timed next to it; nil where it is not the Fourier
  /// mixer.
  ///
  /// - Throws: ``EngineError/libraryFailure(library:call:)`` if FFTW finds no plan.
  public static func bareTransforms(
    of plan: Plan, context: ExecutionContext
  ) throws(EngineError) -> BareTransforms? {
    guard case .mixTokens(.fourier2D) = plan.stages.first else { return nil }
    return try BareTransforms(shape: plan.shape, context: context)
  }

  /// A read of what `engine` reads, to be timed next to it; nil where it is no decode engine.
  public static func bareRead(of engine: any PreparedAttention) -> BareRead? {
    (engine as? PreparedDecode).map { BareRead($0) }
  }
}
