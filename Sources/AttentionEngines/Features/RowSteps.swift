// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

extension attn_scan_step_kind_t {
  var isExponential: Bool {
    self != ATTN_SCAN_STEP_SCALE && self != ATTN_SCAN_STEP_RELU && self != ATTN_SCAN_STEP_SHIFT
  }
}

extension attn_row_op_t {
  /// The same as a step of the products, if they know it.
  var step: attn_scan_step_kind_t? {
    switch kind {
    case ATTN_ROW_SCALE: ATTN_SCAN_STEP_SCALE
    case ATTN_ROW_RELU: ATTN_SCAN_STEP_RELU
    case ATTN_ROW_ELU1: ATTN_SCAN_STEP_ELU1
    case ATTN_ROW_EXP_CHANNELS: ATTN_SCAN_STEP_EXP
    case ATTN_ROW_SIGMOID: ATTN_SCAN_STEP_SIGMOID
    case ATTN_ROW_SILU: ATTN_SCAN_STEP_SILU
    case ATTN_ROW_CHANNELS where p == nil: ATTN_SCAN_STEP_SHIFT
    default: nil
    }
  }

  /// What exponentials relative to the largest of a row multiply it by.
  var largestFactor: Float { kind == ATTN_ROW_EXP_ROW ? p[0] : 1 }

  mutating func set(_ kind: attn_row_kind_t, _ value: Double) {
    self.kind = kind
    a = Float(value)
  }

  mutating func set(_ activation: RowOperation.Activation) {
    switch activation {
    case .elu1: kind = ATTN_ROW_ELU1
    case .sigmoid: kind = ATTN_ROW_SIGMOID
    case .silu: kind = ATTN_ROW_SILU
    case .gelu: kind = ATTN_ROW_GELU
    case .softplus: kind = ATTN_ROW_SOFTPLUS
    case .logSigmoid: set(ATTN_ROW_LOG_SIGMOID, 1)
    case .relu(let plus): set(ATTN_ROW_RELU, plus)
    case .leakyReLU(let slope): set(ATTN_ROW_LEAKY, slope)
    }
  }

  mutating func set(
    _ step: RowOperation, head: Int, _ statistics: StatisticStore.Side
  ) {
    p = UnsafePointer(statistics.scale(head))
    switch step {
    case .statisticFactor:
      kind = ATTN_ROW_TIMES
      p = UnsafePointer(statistics.factor(head))
    case .statisticShift:
      kind = ATTN_ROW_CHANNELS
      p = nil
      q = UnsafePointer(statistics.shift(head))
    case .statisticExponential:
      kind = ATTN_ROW_EXP_CHANNELS
      q = UnsafePointer(statistics.shift(head))
    case .rowExponential: kind = ATTN_ROW_EXP_ROW
    default: kind = ATTN_ROW_CHANNELS
    }
  }
}
