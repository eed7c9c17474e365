// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import RealModule

/// What the scan kernels are told: one plan per decay, with the packed projection they share.
final class ScanKernelPlans: @unchecked Sendable {
  private let plans: UnsafeMutablePointer<attn_scan_plan_t>
  private let count: Int
  private let projection: Tensor<Float>?

  init(_ stage: Scan, shape: AttentionShape, weights: WeightSet, kernels: attn_scan_kernels_t) {
    var plan = Self.plan(stage, shape: shape)
    projection = Self.packProjection(stage, weights: weights, plan: &plan, kernels: kernels)
    plan.projection = projection.map { UnsafePointer($0.base) }
    count = stage.decay == .perHead ? shape.queryHeads : 1
    plans = .allocate(capacity: count)
    plans.initialize(repeating: plan, count: count)
    guard stage.decay == .perHead else { return }
    let slopes = weights["slopes"]
    for head in 0..<count {
      plans[head].decay = Double.exp(-Double(slopes[head]))
    }
  }

  deinit {
    plans.deallocate()
  }

  /// The plan of query head `index`, counted over the whole batch.
  func plan(head index: Int) -> UnsafePointer<attn_scan_plan_t> {
    UnsafePointer(plans + index % count)
  }

  /// Bytes of scratch per worker [byte].
  func scratchBytes(_ kernels: attn_scan_kernels_t) -> Int { kernels.scratch_bytes(plans) }

  /// Bytes of one state [byte].
  var stateBytes: Int { attn_scan_state_floats(plans) * MemoryLayout<Float>.stride }

  var bytes: Int { projection?.byteCount ?? 0 }

  private static func plan(_ stage: Scan, shape: AttentionShape) -> attn_scan_plan_t {
    var plan = attn_scan_plan_t()
    plan.input_dim = Int32(shape.headDim)
    plan.feature_dim = Int32(stage.featureMap.featureDim(headDim: shape.headDim))
    plan.value_dim = Int32(shape.valueDim)
    plan.output_scale = 1
    plan.decay = 1
    plan.chunk_length = Int32(clamping: stage.chunkLength)
    switch stage.featureMap {
    case .identity: plan.map = ATTN_SCAN_IDENTITY
    case .elu1: plan.map = ATTN_SCAN_ELU1
    case .relu: plan.map = ATTN_SCAN_RELU
    case .positiveRandom(_, let epsilon):
      plan.map = ATTN_SCAN_EXP
      plan.feature_eps = Float(epsilon)
      // exp(scale q.k) is estimated from rows multiplied by the square root of the scale.
      plan.input_scale = Float(shape.softmaxScale.squareRoot())
    }
    guard case .sum(let epsilon) = stage.normalizer else { return plan }
    plan.normalised = 1
    plan.denominator_eps = Float(epsilon)
    if case .positiveRandom(let featureDim, _) = stage.featureMap {
      // The kernels leave out the factor 1/sqrt(featureDim) of query and key features.
      plan.denominator_eps = Float(epsilon * Double(featureDim))
    }
    return plan
  }

  private static func packProjection(
    _ stage: Scan, weights: WeightSet, plan: inout attn_scan_plan_t, kernels: attn_scan_kernels_t
  ) -> Tensor<Float>? {
    guard case .positiveRandom = stage.featureMap else { return nil }
    let packed = Tensor<Float>([kernels.projection_floats(plan.input_dim, plan.feature_dim)])
    kernels.pack_projection(&plan, weights["projection"].base, packed.base)
    return packed
  }
}
