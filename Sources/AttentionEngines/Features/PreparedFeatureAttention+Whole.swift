// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Attention without causality: states of ranges of keys, their sums, output rows of ranges of queries.
extension PreparedFeatureAttention {
  /// The state of one range of keys.
  func sum(worker: Int, unit: Int) {
    let (head, range) = unit.quotientAndRemainder(dividingBy: split.keyRanges)
    guard let operands else { return }
    let keys = split.keys(range: range, shape: shape)
    let at = operands.head(queryHead(ofState: head), shape: shape)
    let state = self.state(unit)
    marks(unit).update(repeating: 0, count: layout.marks)
    context.kernels.scan.reset(plans.sum(0), state)
    add(keys, of: at, head: head, to: state, marks: marks(unit), worker: worker, plan: 0)
  }

  /// Adds the states of a head into the first, always in the same order.
  func merge(worker: Int, head: Int) {
    let first = head * split.keyRanges
    let plan = plans.sum(0)
    for range in 1..<max(split.keyRanges, 1) {
      context.kernels.scan.merge(plan, state(first), state(first + range))
      let (mine, other) = (marks(first), marks(first + range))
      for index in 0..<layout.marks { mine[index] += other[index] }
    }
    if stage.sumsValues { takeMeans(head: head, worker: worker) }
    if let flowShares {
      // Shares of the keys add up to their number.
      let factors = layout.parts(scratch[worker]).vectors
      factors.update(repeating: Float(shape.keyLength) / marks(first)[0], count: layout.vector)
      scale(state(first), by: factors)
      flowShares.describeAllocation(
        marks(first) + FlowShares.conserved,
        into: state(first) + attn_scan_normaliser_offset(plan))
    }
    if keyWeights != nil { shareOut(head: head, worker: worker) }
    guard case .keySums = stage.normalizer else { return }
    sumAgain(head: head, worker: worker)
    let sums = state(first) + attn_scan_normaliser_offset(plan)
    let inverses = layout.parts(scratch[worker]).vectors
    for feature in 0..<Int(plan.pointee.feature_dim) {
      inverses[feature] = 1 / sums[feature]
      sums[feature] = 1
    }
    scale(state(first), by: inverses)
  }

  /// Sums keys once more, relative to the largest of all, where one is so far above those of the sample
  /// that sums have come near the end of Float32's range.
  private func sumAgain(head: Int, worker: Int) {
    guard let statistic, let operands, stage.statistic == .sampledKeyMaxima else { return }
    let plan = plans.sum(0)
    let sums = state(head * split.keyRanges) + attn_scan_normaliser_offset(plan)
    guard !(0..<Int(plan.pointee.feature_dim)).allSatisfy({ sums[$0] < 0x1p60 }) else { return }
    statistic.findLargest(keyHead: head, operands: operands)
    addAgain(head: head, operands: operands, worker: worker)
  }

  /// Makes weights of keys add up to their number, as `sumAgain` where the largest is far off.
  private func shareOut(head: Int, worker: Int) {
    guard let keyWeights, let operands else { return }
    let first = head * split.keyRanges
    if !(marks(first)[0] < 0x1p60) {
      keyWeights.findLargest(
        of: operands.head(queryHead(ofState: head), shape: shape), head: head,
        scratch: layout.parts(scratch[worker]).keys)
      addAgain(head: head, operands: operands, worker: worker)
    }
    let plan = plans.sum(0)
    let factors = layout.parts(scratch[worker]).vectors
    factors.update(repeating: Float(shape.keyLength) / marks(first)[0], count: layout.vector)
    scale(state(first), by: factors)
    let sums = state(first) + attn_scan_normaliser_offset(plan)
    for feature in 0..<Int(plan.pointee.feature_dim) { sums[feature] *= factors[0] }
  }

  /// Adds all keys of a head to its first state anew, which the plan counts once.
  private func addAgain(head: Int, operands: AttendOperands, worker: Int) {
    let first = head * split.keyRanges
    let counted = board[worker].pointee
    context.kernels.scan.reset(plans.sum(0), state(first))
    marks(first).update(repeating: 0, count: layout.marks)
    add(
      0..<shape.keyLength, of: operands.head(queryHead(ofState: head), shape: shape), head: head,
      to: state(first), marks: marks(first), worker: worker, plan: 0)
    board[worker].pointee = counted
  }

  /// Makes the sum of values their mean, takes the mean key feature off the state where it has to be,
  /// and derives convolutions.
  private func takeMeans(head: Int, worker: Int) {
    let plan = plans.sum(0)
    let state = state(head * split.keyRanges)
    let means = meanValue(head)
    let share = 1 / Float(shape.keyLength)
    if case .means = stage.normalizer {
      let sums = state + attn_scan_normaliser_offset(plan)
      let stride = Int(attn_scan_stride(plan.pointee.value_dim))
      for feature in 0..<Int(plan.pointee.feature_dim) {
        let mean = sums[feature] * share
        let row = state + feature * stride
        for channel in 0..<shape.valueDim { row[channel] -= mean * means[channel] }
      }
    }
    for channel in 0..<shape.valueDim { means[channel] *= share }
    if let local, local.readsValues {
      local.derive(
        keyHead: head, mean: means, hidden: layout.parts(scratch[worker]).vectors)
    }
  }

  /// The sum of the values of a head, or their mean once its keys are all in the state.
  func meanValue(_ head: Int) -> UnsafeMutablePointer<Float> {
    state(head * split.keyRanges) + attn_scan_running_offset(plans.sum(0)) + 16
  }

  /// The output rows of one range of queries.
  func read(worker: Int, unit: Int) {
    let (head, range) = unit.quotientAndRemainder(dividingBy: split.queryRanges)
    guard let operands else { return }
    let at = operands.head(head, shape: shape)
    let group = stateHead(of: at, head: head)
    let first = group * split.keyRanges
    read(
      split.queries(range: range, shape: shape), of: at, head: head, from: state(first),
      marks: marks(first), worker: worker, plan: 0)
  }
}
