// SPDX-License-Identifier: MIT

import AttentionCore

/// A plan's sequence spread over equal devices that are joined by one kind of link.
///
/// Tensors travel in the width in which the machine holds them: Float32 tensors of a plan in the
/// native precision of an accelerator, quantised ones as they are.
public struct SequenceParallel: Sendable {
  public let partition: Partition
  public let machine: Machine
  public let link: Link
  private let shape: AttentionShape
  private let stage: Stage
  private let oneDevice: Double

  /// - Throws: ``SimulatorError/notPartitionable(partition:reason:)`` if the plan's stage is not what
  ///   the partition is for, ``SimulatorError/overflow(quantity:)``.
  public init(
    plan: Plan, partition: Partition, machine: Machine, link: Link
  ) throws(SimulatorError) {
    if let reason = partition.refusal(of: plan) {
      throw .notPartitionable(partition: partition, reason: reason)
    }
    self.partition = partition
    self.machine = machine
    self.link = link
    shape = plan.shape
    stage = plan.stages[0]
    oneDevice = try plan.floor(on: machine).seconds
  }

  /// The least time on `devices` devices; the piece of a device is rounded up to whole tokens.
  ///
  /// - Throws: ``SimulatorError/tooSmall(name:value:least:)``,
  ///   ``SimulatorError/moreDevicesThanTokens(devices:tokens:)``.
  public func floor(devices: Int) throws(SimulatorError) -> DevicesFloor {
    guard devices >= 1 else { throw .tooSmall(name: "devices", value: devices, least: 1) }
    guard devices <= shape.keyLength else {
      throw .moreDevicesThanTokens(devices: devices, tokens: shape.keyLength)
    }
    guard devices > 1 else { return alone }
    let piece = shape.keyLength.dividedUp(by: devices)
    switch partition {
    case .ring, .striped: return try ring(devices, piece)
    case .tree: return try tree(devices, piece)
    case .lasp2: return try gather(devices, piece)
    }
  }

  /// The fewest devices, from 2, at which messages take longer than the work they hide behind.
  ///
  /// Numbers of devices are doubled until messages bind, then bisected; nil where they never do.
  public func communicationBindsFrom() throws(SimulatorError) -> Int? {
    let most = shape.keyLength
    guard most >= 2 else { return nil }
    var free = 1
    var bound = 2
    while try !floor(devices: bound).communicationBinds {
      guard bound < most else { return nil }
      free = bound
      bound = bound > most / 2 ? most : 2 * bound
    }
    while bound - free > 1 {
      let middle = free + (bound - free) / 2
      if try floor(devices: middle).communicationBinds { bound = middle } else { free = middle }
    }
    return bound
  }

  private var alone: DevicesFloor {
    DevicesFloor(
      devices: 1, steps: 1, messages: 0, bytesPerMessage: 0, preparationSeconds: 0,
      workSeconds: oneDevice, firstWorkSeconds: oneDevice, messageSeconds: 0, overlaps: false,
      oneDeviceSeconds: oneDevice)
  }

  /// Keys and values of one piece visit every device; the causal first step is the own piece.
  private func ring(_ devices: Int, _ piece: Int) throws(SimulatorError) -> DevicesFloor {
    let whole = try work(queries: piece, keys: piece, isCausal: false)
    let own = try work(queries: piece, keys: piece, isCausal: shape.isCausal)
    // A stripe sees about half of every other stripe, as it does of itself.
    let step = partition == .striped ? own.step : whole.step
    let bytes = keyValueBytes(tokens: piece)
    return DevicesFloor(
      devices: devices, steps: devices, messages: devices - 1, bytesPerMessage: bytes,
      preparationSeconds: own.before, workSeconds: step, firstWorkSeconds: own.step,
      messageSeconds: link.seconds(bytes: bytes), overlaps: true, oneDeviceSeconds: oneDevice)
  }

  /// Output, maximum and sum of every query row are exchanged with one partner per round.
  private func tree(_ devices: Int, _ piece: Int) throws(SimulatorError) -> DevicesFloor {
    let work = try work(queries: shape.queryLength, keys: piece, isCausal: false)
    let rows = shape.batch * shape.queryHeads * shape.queryLength
    let bytes = Double(rows * (shape.valueDim + 2)) * elementBytes
    return DevicesFloor(
      devices: devices, steps: 1, messages: Self.rounds(devices), bytesPerMessage: bytes,
      preparationSeconds: work.before, workSeconds: work.step, firstWorkSeconds: work.step,
      messageSeconds: link.seconds(bytes: bytes), overlaps: false, oneDeviceSeconds: oneDevice)
  }

  /// Every device receives the states of all others in one collective, whatever the length.
  ///
  /// Inside the collective the number of rounds is the least possible, so that its latency is too.
  private func gather(_ devices: Int, _ piece: Int) throws(SimulatorError) -> DevicesFloor {
    guard let state = gatheredNumbers else {
      throw .notPartitionable(partition: partition, reason: "the plan has no state")
    }
    let work = try work(queries: piece, keys: piece, isCausal: shape.isCausal)
    let bytes = Double((devices - 1) * state) * elementBytes
    let rounds = Self.rounds(devices)
    return DevicesFloor(
      devices: devices, steps: 1, messages: rounds, bytesPerMessage: bytes / Double(rounds),
      preparationSeconds: work.before, workSeconds: work.step, firstWorkSeconds: work.step,
      messageSeconds: link.seconds(bytes: bytes / Double(rounds)), overlaps: true,
      oneDeviceSeconds: oneDevice)
  }

  /// Numbers of the states of one device, over all heads; nil where there are none.
  private var gatheredNumbers: Int? {
    switch stage {
    case .scan(let scan):
      let states = shape.batch * (shape.isCausal ? shape.queryHeads : shape.keyValueHeads)
      let width = shape.valueDim + (scan.normalizer == .none ? 0 : 1)
      return states * scan.featureMap.featureDim(headDim: shape.headDim) * width
    case .features(let features):
      let heads = shape.batch * shape.queryHeads
      var numbers = features.stateCount(shape: shape) / heads
      // Gates depend on the data: what a piece does to the states before it travels along.
      if case .gates = features.recurrence { numbers += features.featureDim(shape: shape) }
      return features.stateHeads(shape: shape) * numbers
    default: return nil
    }
  }

  /// Rounds in which pairs that double each time reach all `devices`.
  private static func rounds(_ devices: Int) -> Int {
    Int.bitWidth - (devices - 1).leadingZeroBitCount
  }

  /// Floors of the stage on one piece: what runs once, and what runs in every step and reads keys and
  /// values alone.
  private func work(
    queries: Int, keys: Int, isCausal: Bool
  ) throws(SimulatorError) -> (before: Double, step: Double) {
    guard
      let local = try? shape.with(
        queryLength: queries, keyLength: keys, causality: isCausal ? .bottomRight : Causality.none,
        grid: .some(nil))
    else { throw .overflow(quantity: "tokens of one device") }
    let parts = stage.work(shape: local)
    // What comes before the products prepares the own piece once; the rest runs in every step.
    let first = parts.firstIndex { $0.operations.products > 0 } ?? parts.startIndex
    var step = Array(parts[first...])
    if partition != .lasp2, !step.isEmpty {
      step[0].bytesRead = Int(keyValueBytes(tokens: keys, in: .plan))
      step[0].bytesWritten = 0
    }
    return (
      RooflineFloor(work: Array(parts[..<first]), machine: machine).seconds,
      RooflineFloor(work: step, machine: machine).seconds
    )
  }

  private enum Width {
    /// As the plan counts bytes: Float32 where it does not quantise.
    case plan
    /// As the machine holds tensors.
    case machine
  }

  /// Bytes of the keys and values of `tokens` tokens, over all heads.
  private func keyValueBytes(tokens: Int, in width: Width = .machine) -> Double {
    let heads = shape.batch * shape.keyValueHeads
    let float = width == .plan ? 4 : elementBytes
    guard case .decode(let decode) = stage else {
      let (key, value) = operandBytes(float)
      return Double(heads * tokens) * (Double(shape.headDim) * key + Double(shape.valueDim) * value)
    }
    let bytes = Double(heads * decode.keyValuePrecision.cacheBytes(keys: tokens, shape: shape))
    return decode.keyValuePrecision == .float32 ? bytes * float / 4 : bytes
  }

  /// Bytes of an element of keys and of values where one in Float32 has `float`.
  private func operandBytes(_ float: Double) -> (key: Double, value: Double) {
    guard case .attend(let attend) = stage else { return (float, float) }
    func bytes(_ kind: OperationClass) -> Double {
      switch kind {
      case .int8, .fp8, .fp8Narrow: 1
      case .int4, .fp4: 0.5
      case .bfloat16: 2
      default: float
      }
    }
    return (bytes(attend.precision.scoreClass), bytes(attend.precision.valueClass))
  }

  private var elementBytes: Double { 4 * Pricing(machine).byteScale }
}

extension Partition {
  /// Why `plan` cannot be spread this way, or nil.
  fileprivate func refusal(of plan: Plan) -> String? {
    guard let stage = plan.stages.first, plan.stages.count == 1 else {
      return "the plan must have exactly one stage"
    }
    switch (self, stage) {
    case (.ring, .attend(let attend)), (.striped, .attend(let attend)):
      guard attend.rule == .sequence else {
        return "pieces of keys travel to every device, which only dense attention needs; a mask "
          + "asks for some of them"
      }
      guard plan.shape.isSelfAttention else {
        return "queries and keys are split into the same pieces, but there are "
          + "\(plan.shape.queryLength) queries and \(plan.shape.keyLength) keys; try tree"
      }
      return nil
    case (.tree, .attend(let attend)):
      return attend.rule == .sequence ? nil : "partial outputs are those of dense attention"
    case (.tree, .decode): return nil
    case (.lasp2, .scan), (.lasp2, .features):
      if case .features(let features) = stage, let reason = features.reasonAgainstPieces {
        return reason
      }
      return plan.shape.isSelfAttention
        ? nil : "queries and keys are split into the same pieces, so there must be as many of each"
    case (.lasp2, _):
      return "it gathers states, and only linear attention has one; try ring, striped or tree"
    case (.ring, _), (.striped, _), (.tree, _):
      return "it splits the keys of dense attention (such as flash, bf16-flash, sage1, split-kv); "
        + "for linear attention try lasp-2"
    }
  }
}

extension FeatureAttention {
  /// Why the state of a piece of the sequence cannot be made from that piece alone, or nil.
  fileprivate var reasonAgainstPieces: String? {
    if statistic != nil {
      return "its features wait for a statistic of the whole sequence, and only states are gathered"
    }
    if local != nil {
      return "its convolution reads values of other pieces, and only states are gathered"
    }
    return nil
  }
}
