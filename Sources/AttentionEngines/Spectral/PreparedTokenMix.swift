// SPDX-License-Identifier: MIT

import AttentionCore

/// The spectral engine: mixing of token features by FFTW.
final class PreparedTokenMix: PreparedAttention {
  private let mixer: any PreparedAttention

  /// - Throws: ``EngineError/libraryFailure(library:call:)`` if FFTW finds no plan.
  init(
    _ stage: TokenMix, shape: AttentionShape, weights: WeightSet, context: ExecutionContext
  ) throws(EngineError) {
    switch stage {
    case .fourier2D:
      mixer = try PreparedFourier2D(stage, shape: shape, context: context)
    case .adaptiveFilter(let filter):
      mixer = try PreparedAdaptiveFilter(
        filter, counts: stage.expectedCounts(shape: shape), shape: shape, weights: weights,
        context: context)
    }
  }

  var workspaceBytes: Int { mixer.workspaceBytes }
  var expectedCounts: EngineCounts? { mixer.expectedCounts }
  var counts: EngineCounts { mixer.counts }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    mixer.run(inputs, into: output)
  }
}
