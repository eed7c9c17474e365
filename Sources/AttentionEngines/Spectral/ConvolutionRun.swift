// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// What every long convolution carries through a run: operands, scratch, counts.
final class ConvolutionRun: @unchecked Sendable {
  let shape: AttentionShape
  let context: ExecutionContext
  let scratch: Workspace
  let board: CountBoard
  let expectedCounts: EngineCounts
  private var operands: AttendOperands?

  init(
    _ stage: LongConvolution, shape: AttentionShape, context: ExecutionContext, scratchBytes: Int
  ) {
    self.shape = shape
    self.context = context
    scratch = Workspace(bytesPerWorker: scratchBytes, workers: context.pool.count)
    board = CountBoard(workers: context.pool.count)
    expectedCounts = stage.expectedCounts(shape: shape)
  }

  var featureKernels: attn_features_kernels_t { context.kernels.features }

  /// Operands of a query head of the batch, while jobs run.
  func head(_ index: Int) -> AttendOperands.Head? { operands?.head(index, shape: shape) }

  /// Takes operands and forgets the counts of the run before.
  func begin(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .queryKeyValue(let query, let key, let value) = inputs else {
      preconditionFailure("long convolutions take query, key and value")
    }
    board.reset()
    operands = AttendOperands(query: query, key: key, value: value, output: output)
  }
}
