// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Rounds the rows of one head by the rules of a quantisation plan.
///
/// The same bits come from every kernel table.
package struct Quantiser {
  let kernels: attn_quantised_kernels_t
  private let rounding: attn_rounding_t

  package init(_ table: KernelTable, rounding: RoundingRule = .even) {
    kernels = table.quantised
    self.rounding = rounding == .even ? ATTN_ROUND_EVEN : ATTN_ROUND_AWAY
  }

  /// Groups below this count as zero, as in the kernels.
  package static let smallestGroup = Float(sign: .plus, exponent: -100, significand: 1)

  /// The numbers of `format` nearest to `x * factor`.
  package func round(_ x: [Float], to format: NumberFormat, factor: Float = 1) -> [Float] {
    var result = x
    kernels.round_row(format.code, rounding, x, Int32(x.count), factor, &result)
    return result
  }

  /// Minimum-maximum codes `(x - low) / scale` of `bits` bits.
  package func asymmetric(_ x: [Float], bits: Int) -> (codes: [Float], scale: Float, low: Float) {
    var codes = x
    var low: Float = 0
    let scale = kernels.asymmetric_row(Int32(bits), rounding, x, Int32(x.count), &low, &codes)
    return (codes, scale, low)
  }

  /// Rounds `rows` rows of queries or keys in place; `scales` gets the scale of every row.
  ///
  /// `largest` holds `rows` numbers for the time of the call.
  package func roundTokens(
    _ x: UnsafeMutablePointer<Float>, rows: Int, width: Int, rule: OperandRule, isQuery: Bool,
    scales: UnsafeMutablePointer<Float>, largest: UnsafeMutablePointer<Float>
  ) {
    switch rule.format {
    case .micro(let micro):
      for row in 0..<rows {
        let place = x + row * width
        kernels.micro_row(micro.code, rounding, place, Int32(width), place)
      }
      scales.update(repeating: 1, count: rows)
    case .number(let number) where !number.isScaled:
      kernels.round_row(number.code, rounding, x, Int32(rows * width), 1, x)
      scales.update(repeating: 1, count: rows)
    case .number(let number):
      largest.update(repeating: 0, count: rows)
      for row in 0..<rows {
        let group = rule.group(of: row, isQuery: isQuery)
        largest[group] = kernels.largest(x + row * width, Int32(width), largest[group])
      }
      let range = rule.range ?? number.largest
      for row in 0..<rows {
        let most = largest[rule.group(of: row, isQuery: isQuery)]
        let isZero = most < Self.smallestGroup
        let place = x + row * width
        kernels.round_row(
          number.code, rounding, place, Int32(width), isZero ? 0 : range / most, place)
        scales[row] = isZero ? 0 : most / range
      }
    }
  }

  /// Rounds one token in place with a scale of its own, which it returns.
  func roundToken(_ x: UnsafeMutablePointer<Float>, width: Int, _ rule: OperandRule) -> Float {
    var scale: Float = 0
    var largest: Float = 0
    roundTokens(
      x, rows: 1, width: width, rule: rule, isQuery: true, scales: &scale, largest: &largest)
    return scale
  }

  /// Rounds `rows` rows of values in place; `scales` gets what every channel is multiplied by.
  ///
  /// `scratch` holds twice as many numbers as there are rows or channels, whichever are more.
  package func roundValues(
    _ x: UnsafeMutablePointer<Float>, rows: Int, width: Int, rule: OperandRule,
    scales: UnsafeMutablePointer<Float>, scratch: UnsafeMutablePointer<Float>
  ) {
    scales.update(repeating: 1, count: width)
    switch rule.format {
    case .micro(let micro):
      kernels.micro_columns(micro.code, rounding, x, width, Int32(rows), Int32(width), x, width)
    case .number(let number) where number.isScaled && rule.group == .channel:
      let range = rule.range ?? number.largest
      scales.update(repeating: 0, count: width)
      for row in 0..<rows { kernels.raise_columns(x + row * width, Int32(width), scales) }
      let factors = scratch
      for channel in 0..<width {
        let isZero = scales[channel] < Self.smallestGroup
        factors[channel] = isZero ? 0 : range / scales[channel]
        scales[channel] = isZero ? 0 : scales[channel] / range
      }
      for row in 0..<rows {
        let place = x + row * width
        kernels.round_columns(number.code, rounding, place, Int32(width), factors, place)
      }
    case .number:
      roundTokens(
        x, rows: rows, width: width, rule: rule, isQuery: false, scales: scratch,
        largest: scratch + rows)
      for row in 0..<rows {
        for channel in 0..<width { x[row * width + channel] *= scratch[row] }
      }
    }
  }
}

extension NumberFormat {
  var code: attn_number_t {
    switch self {
    case .float32: ATTN_NUMBER_F32
    case .bfloat16: ATTN_NUMBER_BF16
    case .float16: ATTN_NUMBER_F16
    case .e5m2: ATTN_NUMBER_E5M2
    case .e4m3: ATTN_NUMBER_E4M3
    case .e2m1: ATTN_NUMBER_E2M1
    case .int8: ATTN_NUMBER_INT8
    case .int4: ATTN_NUMBER_INT4
    }
  }
}

extension MicroFormat {
  var code: attn_micro_t { self == .nvfp4 ? ATTN_MICRO_NVFP4 : ATTN_MICRO_MXFP4 }
}
