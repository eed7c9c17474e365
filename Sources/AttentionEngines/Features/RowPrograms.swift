// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import RealModule

extension RowOperation {
  /// Whether it multiplies its results by a factor on the way.
  fileprivate var takesFactor: Bool {
    switch self {
    case .rotate, .activate(.logSigmoid): true
    default: false
    }
  }
}

/// The steps of one side of a feature map as the kernels take them: one list per head, with the
/// weights and tables that they point to.
final class RowPrograms: @unchecked Sendable {
  /// Steps of a block of rows: all of them, or all but those that the products do on the way.
  private(set) var stepCount: Int
  let featureDim: Int
  /// Whether the products make exponentials of rows less their largest.
  private(set) var leavesRowExponential = false
  /// Where factors of whole rows come from that the products multiply them by.
  private(set) var rowFactors = RowFactors.none
  /// Whether the products turn rows, and sum them ahead of that where they are marked.
  private(set) var leavesTurn = false
  /// Whether outputs of these queries need no division by the products of their mark any more.
  let dividesMarked: Bool
  /// Floats of the widest row between steps, with room for a vector more.
  let stride: Int
  private let operations: UnsafeMutablePointer<attn_row_op_t>
  /// Steps of one head's list.
  private let listed: Int
  private let heads: Int
  private var tensors: [Tensor<Float>] = []

  /// Lists for `heads` heads; `weightHead` says which head of the weights each of them reads.
  ///
  /// With `markEpsilon` turns divide rows by their product with the sums of the mark ahead of them,
  /// plus that.
  init(
    _ map: FeatureSteps, inputs: Int, heads: Int, weightHead: (Int) -> Int, places: PlaceTables,
    statistics: StatisticStore.Side?, weights: WeightSet, markEpsilon: Double? = nil
  ) {
    // A map without steps is a copy: features stand in rows of their own.
    let map = map.steps.isEmpty ? FeatureSteps([.scale(1)]) : map
    let (steps, around, factors) = Self.joinFactors(map, inputs: inputs)
    dividesMarked = markEpsilon != nil && Self.turnsMarked(steps)
    stepCount = steps.count
    listed = steps.count
    featureDim = around[around.count - 1]
    stride = Self.stride(around.max() ?? inputs)
    self.heads = heads
    operations = .allocate(capacity: heads * steps.count)
    operations.initialize(repeating: attn_row_op_t(), count: heads * steps.count)
    for (index, step) in steps.enumerated() {
      let table = RowTable(step, width: around[index], places: places, weights: weights)
      tensors += table.tensors
      for head in 0..<heads {
        var operation = attn_row_op_t()
        operation.width = Int32(around[index])
        operation.width_out = Int32(around[index + 1])
        fill(
          &operation, step, table: table, head: head, weightHead: weightHead(head),
          statistics: statistics, keyLength: places.keyLength)
        if step.takesFactor { operation.a = Float(factors[index]) }
        if case .rotate = step {
          operation.count = dividesMarked ? 1 : 0
          operation.b = Float(markEpsilon ?? 0)
        }
        operations[head * steps.count + index] = operation
      }
    }
  }

  deinit {
    operations.deallocate()
  }

  /// Steps without the factors that the ones ahead of them take, the widths around them, and the
  /// factors by step.
  private static func joinFactors(
    _ map: FeatureSteps, inputs: Int
  ) -> (steps: [RowOperation], widths: [Int], factors: [Double]) {
    let widths = map.widths(inputs: inputs)
    var (steps, around, factors) = ([RowOperation](), [inputs], [Double]())
    for (index, step) in map.steps.enumerated() {
      if case .scale(let factor) = step, steps.last?.takesFactor == true {
        factors[factors.count - 1] *= factor
        continue
      }
      steps.append(step)
      around.append(widths[index + 1])
      factors.append(1)
    }
    return (steps, around, factors)
  }

  /// Whether a turn follows the mark and ends the map.
  private static func turnsMarked(_ steps: [RowOperation]) -> Bool {
    guard steps.count > 1, case .rotate = steps[steps.count - 1] else { return false }
    return steps[steps.count - 2] == .mark
  }

  static func stride(_ width: Int) -> Int { Int(attn_row_padded(Int32(width))) + 16 }

  var bytes: Int { tensors.reduce(0) { $0 + $1.byteCount } }

  /// The steps of a head.
  func steps(_ head: Int) -> UnsafePointer<attn_row_op_t> {
    UnsafePointer(operations + head * listed)
  }

  /// Leaves the last steps to the products where they can do them: the return value says whether
  /// this saves exponentials or a turn a pass of their own.
  ///
  /// The products sum what they have not turned yet, so that they cannot sum turned rows.
  func leaveLastSteps(sumsTurned: Bool) -> Bool {
    let list = UnsafeBufferPointer(start: operations, count: listed)
    let turn = list[listed - 1]
    var end = listed
    if turn.kind == ATTN_ROW_ROTATE, !sumsTurned {
      end -= 1
      if end > 0, list[end - 1].kind == ATTN_ROW_MARK { end -= 1 }
    }
    leavesTurn = end < listed
    // A factor of the turn takes the place of another step.
    let isFree = !leavesTurn || turn.a == 1
    if isFree, end > 1, list[end - 1].kind == ATTN_ROW_TIMES, list[end - 2].step != nil {
      end -= 2
    } else if isFree, end > 0, list[end - 1].step != nil || list[end - 1].kind == ATTN_ROW_TIMES {
      end -= 1
    }
    stepCount = end
    return leavesTurn || stepCount < listed && list[stepCount].step?.isExponential == true
  }

  /// Leaves the only step to the products if it is a factor that `isAllowed`.
  func leaveFactor(where isAllowed: (Float) -> Bool = { _ in true }) {
    guard listed == 1, operations[0].kind == ATTN_ROW_SCALE, isAllowed(operations[0].a) else {
      return
    }
    stepCount = 0
  }

  /// The factor that has been left, or 1.
  var leftFactor: Float { stepCount == 0 && listed == 1 ? operations[0].a : 1 }

  /// Leaves exponentials relative to the largest of each row to the products, if they are all there
  /// is to do; softmaxes only if outputs are `divided` by the sums of their rows.
  func leaveRowExponential(divided: Bool) -> Bool {
    let kind = operations[0].kind
    leavesRowExponential =
      listed == 1 && (kind == ATTN_ROW_EXP_ROW || divided && kind == ATTN_ROW_SOFTMAX)
    if leavesRowExponential { stepCount = 0 }
    return leavesRowExponential
  }

  /// Leaves factors of whole rows to the products: the inverse norm of rows that need nothing else, or
  /// what is left to do after powers of rows.
  func leaveRowFactors() -> Bool {
    let list = UnsafeBufferPointer(start: operations, count: listed)
    if list[0].kind == ATTN_ROW_UNIT,
      listed == 1 || listed == 2 && list[1].kind == ATTN_ROW_SCALE
    {
      rowFactors = .ofInputs
      stepCount = 0
    } else if list[listed - 1].kind == ATTN_ROW_FOCUS {
      rowFactors = .ofMap
    }
    return rowFactors != .none
  }

  /// Whether rows are looked at as a whole, for their largest or their norm, ahead of the products.
  var looksAtRowsFirst: Bool { leavesRowExponential || rowFactors == .ofInputs }

  /// What factors of the inputs of a head are multiplied by.
  func rowFactorScale(_ head: Int) -> Float {
    rowFactors == .ofInputs && listed == 2 ? operations[head * listed + 1].a : 1
  }

  /// Does all steps in blocks.
  func keepLastSteps() {
    rowFactors = .none
    stepCount = listed
    leavesTurn = false
    leavesRowExponential = false
  }

  /// What the products do with the rows of a head, the first of which stands at `place`.
  func lastStep(_ head: Int, place: Int) -> attn_scan_step_t {
    var step = attn_scan_step_t()
    step.constant = 1
    for index in stepCount..<listed {
      let operation = operations[head * listed + index]
      if operation.kind == ATTN_ROW_TIMES {
        step.factor = operation.p + place
      } else if operation.kind == ATTN_ROW_ROTATE {
        if operation.a != 1 { step.constant = operation.a }
        step.table_stride = Int(attn_row_padded(operation.width))
        step.table = operation.p + place * step.table_stride
      } else if leavesRowExponential {
        step.kind = ATTN_SCAN_STEP_EXP_ROW
        step.constant = operation.largestFactor
      } else if rowFactors == .ofInputs, operation.kind == ATTN_ROW_SCALE {
        continue
      } else if operation.kind != ATTN_ROW_MARK, operation.kind != ATTN_ROW_UNIT {
        step.kind = operation.step ?? ATTN_SCAN_STEP_SCALE
        step.constant = operation.a
        step.scale = operation.p
        step.shift = operation.q
      }
    }
    return step
  }

  enum RowFactors {
    /// There are none.
    case none
    /// A walk over inputs finds them.
    case ofInputs
    /// The map leaves them behind.
    case ofMap
  }

  private func fill(
    _ operation: inout attn_row_op_t, _ step: RowOperation, table: RowTable, head: Int,
    weightHead: Int, statistics: StatisticStore.Side?, keyLength: Int
  ) {
    operation.p = table.first(head: weightHead)
    operation.q = table.second(head: weightHead)
    switch step {
    case .scale(let factor): operation.set(ATTN_ROW_SCALE, factor)
    case .project: operation.kind = ATTN_ROW_PROJECT
    case .channels: operation.kind = ATTN_ROW_CHANNELS
    case .addInput: operation.kind = ATTN_ROW_ADD_INPUT
    case .rotate: operation.kind = ATTN_ROW_ROTATE
    case .activate(let activation): operation.set(activation)
    case .softmax: operation.kind = ATTN_ROW_SOFTMAX
    case .pairs(let factor): operation.set(ATTN_ROW_PAIRS, factor)
    case .unit(let epsilon): operation.set(ATTN_ROW_UNIT, epsilon)
    case .layerNorm(let epsilon): operation.set(ATTN_ROW_LAYER_NORM, epsilon)
    case .focus(let power):
      operation.kind = ATTN_ROW_FOCUS
      operation.count = Int32(power)
    case .taylor(let factor): operation.set(ATTN_ROW_TAYLOR, factor)
    case .quarterWave: operation.kind = ATTN_ROW_WAVE
    case .lengthPower(_, false): operation.kind = ATTN_ROW_TIMES
    case .lengthPower(_, true):
      let exponent = PlaceTables.sigmoid(Double(table.first?[weightHead] ?? 0))
      operation.set(
        ATTN_ROW_SCALE, Double.pow(Double(keyLength), -exponent))
    case .append(let value): operation.set(ATTN_ROW_APPEND, value)
    case .mark: operation.kind = ATTN_ROW_MARK
    case .statisticFactor, .statisticShift, .statisticScale, .statisticExponential,
      .rowExponential:
      guard let statistics else { preconditionFailure("the stage has no statistic") }
      operation.set(step, head: head, statistics)
    }
  }
}
