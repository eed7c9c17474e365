// SPDX-License-Identifier: MIT

import AttentionCore

/// The engine of long convolutions: turns tabulated and filters transformed ahead of time.
final class PreparedLongConvolution: PreparedAttention {
  private let convolution: any PreparedAttention

  init(
    _ stage: LongConvolution, shape: AttentionShape, weights: WeightSet,
    context: ExecutionContext
  ) {
    switch stage {
    case .gated(let filter):
      convolution = PreparedGatedConvolution(
        stage, filter: filter, shape: shape, weights: weights, context: context)
    case .relativeFeatures(let featureDim):
      convolution = PreparedRelativeFeatures(
        stage, featureDim: featureDim, shape: shape, weights: weights, context: context)
    }
  }

  var workspaceBytes: Int { convolution.workspaceBytes }
  var expectedCounts: EngineCounts? { convolution.expectedCounts }
  var counts: EngineCounts { convolution.counts }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    convolution.run(inputs, into: output)
  }
}
