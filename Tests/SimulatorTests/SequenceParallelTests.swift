// SPDX-License-Identifier: MIT

import AttentionCore
import Simulator
import Testing

/// Partitions against closed forms on a machine of round figures: 1 TFLOP/s in Float32, 100 GB/s of
/// link, 1 us of latency.
@Suite struct SequenceParallelTests {
  @Test func aRingSendsItsKeysAndValuesOncePerStep() throws {
    let model = try Self.model(Self.dense(4_096), .ring)
    let floor = try model.floor(devices: 8)
    // 512 tokens of 4 key-value heads, 64 + 64 channels, 4 bytes.
    let bytes = 4.0 * 512 * 4 * 128
    #expect(floor.steps == 8)
    #expect(floor.messages == 7)
    #expect(floor.bytesPerMessage == bytes)
    #expect(Self.isClose(floor.messageSeconds, bytes / 100e9 + 1e-6))
    // 512 x 512 pairs of 8 heads, 256 operations each.
    #expect(Self.isClose(floor.workSeconds, 512 * 512 * 8 * 256 / 1e12))
    #expect(Self.isClose(floor.seconds, 8 * floor.workSeconds))
    #expect(floor.exposedSeconds == 0)
    #expect(Self.isClose(floor.speedUp, 8))
  }

  @Test func messagesBindWhereTheirTimeExceedsTheWorkOfAStep() throws {
    let model = try Self.model(Self.dense(4_096), .ring)
    // Work n^2 * 2048 / 1e12 against n * 2048 / 1e11 + 1e-6 with n = 4096 / P: equal at n = 32.
    // 1e-6 = n (n * 2.048e-9 - 2.048e-8) gives n = 27.7.
    let first = try #require(try model.communicationBindsFrom())
    let pieces = 4_096.0 / Double(first)
    #expect(pieces <= 28 && pieces > 26)
    #expect(try model.floor(devices: first).communicationBinds)
    #expect(try !model.floor(devices: first - 1).communicationBinds)
  }

  @Test func exposedMessagesAreWhatWorkDoesNotCover() throws {
    let slow = Link(name: "slow", bandwidth: Self.number(1e8))
    let model = try Self.model(Self.dense(4_096), .ring, link: slow)
    let floor = try model.floor(devices: 4)
    #expect(floor.communicationBinds)
    // Three messages, each longer than the step beside it, then the last step.
    #expect(Self.isClose(floor.seconds, 3 * floor.messageSeconds + floor.workSeconds))
    #expect(floor.speedUp < 1)
  }

  @Test func aCausalRingWaitsForItsLastDevice() throws {
    let ring = try Self.model(Self.dense(8_192, causal: true), .ring).floor(devices: 8)
    let striped = try Self.model(Self.dense(8_192, causal: true), .striped).floor(devices: 8)
    // In n tokens a full step has n^2 pairs, the diagonal one n (n + 1) / 2.
    let n = 1_024.0
    let pair = 8 * 256 / 1e12
    #expect(Self.isClose(ring.seconds, (7 * n * n + n * (n + 1) / 2) * pair))
    #expect(Self.isClose(striped.seconds, 8 * n * (n + 1) / 2 * pair))
    #expect(ring.speedUp < 4.3)
    #expect(striped.speedUp > 7.9)
  }

  @Test func aTreeMergesPartialOutputsInRounds() throws {
    let shape = try AttentionShape(
      queryHeads: 8, keyValueHeads: 4, queryLength: 1, keyLength: 65_536, headDim: 64)
    let plan = Plan(shape: shape, stages: [.decode(Decode())])
    let model = try Self.model(plan, .tree)
    for (devices, rounds) in [(2, 1), (3, 2), (8, 3), (9, 4)] {
      let floor = try model.floor(devices: devices)
      // 64 channels, maximum and sum of 8 heads in 4 bytes, whatever the length.
      #expect(floor.bytesPerMessage == 4 * 8 * 66)
      #expect(floor.messages == rounds)
      #expect(
        Self.isClose(floor.seconds, floor.workSeconds + Double(rounds) * floor.messageSeconds))
    }
  }

  @Test func statesOfLinearAttentionTravelOnceWhateverTheLength() throws {
    for tokens in [4_096, 65_536] {
      let shape = try AttentionShape(
        queryHeads: 8, queryLength: tokens, headDim: 64, causality: .bottomRight)
      let scan = Scan(featureMap: .elu1, normalizer: .sum(epsilon: 1e-6), chunkLength: 64)
      let model = try Self.model(Plan(shape: shape, stages: [.scan(scan)]), .lasp2)
      let floor = try model.floor(devices: 8)
      // Seven states of 8 heads, 64 features of 64 + 1 values, 4 bytes; three rounds.
      #expect(
        Self.isClose(Double(floor.messages) * floor.bytesPerMessage, 4 * 7 * 8 * 64 * 65))
      #expect(floor.messages == 3)
      let sent = 3 * floor.messageSeconds
      #expect(Self.isClose(floor.seconds, max(floor.workSeconds, sent)))
    }
  }

  @Test func statesOfFeatureMapsTravelLikewiseUnlessTheyNeedTheWholeSequence() throws {
    let shape = try AttentionShape(
      queryHeads: 8, queryLength: 4_096, headDim: 64, causality: .bottomRight)
    func bytes(_ stage: FeatureAttention) throws -> Double {
      let floor = try Self.model(Plan(shape: shape, stages: [.features(stage)]), .lasp2)
        .floor(devices: 8)
      return Double(floor.messages) * floor.bytesPerMessage
    }
    let taylor: [RowOperation] = [.scale(0.5), .append(1)]
    let sums = FeatureAttention(
      queryMap: taylor, keyMap: taylor, normalizer: .sum(epsilon: 1e-6))
    // Seven states of 8 heads, 65 features of 64 + 1 values, 4 bytes.
    #expect(Self.isClose(try bytes(sums), 4 * 7 * 8 * 65 * 65))
    // 64 features of 64 values and of their gates.
    let gates = FeatureAttention(
      queryMap: [], keyMap: [], recurrence: .gates(FeatureSteps([.activate(.logSigmoid)])),
      normalizer: .none)
    #expect(Self.isClose(try bytes(gates), 4 * 7 * 8 * 64 * 65))
    let maxima = FeatureAttention(
      queryMap: [.softmax], keyMap: [.statisticExponential], statistic: .sampledKeyMaxima,
      normalizer: .keySums)
    #expect(throws: SimulatorError.self) { try bytes(maxima) }
  }

  @Test func acceleratorsSendTheirNativePrecisionAndQuantisedTensorsAsTheyAre() throws {
    let h100 = try BuiltInMachines.machine(id: "h100")
    let link = try h100.link()
    func bytes(_ precision: AttendPrecision) throws -> Double {
      let shape = try AttentionShape(queryLength: 1_024, headDim: 64)
      let plan = Plan(shape: shape, stages: [.attend(Attend(precision: precision))])
      return try SequenceParallel(plan: plan, partition: .ring, machine: h100, link: link)
        .floor(devices: 4).bytesPerMessage
    }
    #expect(try bytes(.float32) == 2 * 256 * 128)
    #expect(try bytes(.bfloat16) == 2 * 256 * 128)
    let rule = QuantizationRule(
      queryGroup: 32, keyGroup: 64, smoothsKeys: true, valuePrecision: .bfloat16)
    #expect(try bytes(.int8(rule)) == 256 * (64 + 2 * 64))
  }

  @Test func oneDeviceIsThePlanItself() throws {
    let plan = try Self.dense(1_024)
    let floor = try Self.model(plan, .ring).floor(devices: 1)
    #expect(floor.seconds == (try plan.floor(on: Self.machine)).seconds)
    #expect(floor.speedUp == 1)
    #expect(floor.messages == 0)
  }

  @Test func whatCannotBeSpreadSaysWhy() throws {
    let axis = AxisWindow(length: 64, window: 8, stride: 1, dilation: 1, isCausal: false)
    let shape = try AttentionShape(queryLength: 64, headDim: 32)
    let rule = MaskRule.neighborhood(NeighborhoodMask(axes: [axis]))
    let window = Plan(shape: shape, stages: [.attend(Attend(rule: rule))])
    for partition in Partition.allCases {
      #expect(throws: SimulatorError.self) { try Self.model(window, partition) }
    }
    let model = try Self.model(Self.dense(64), .ring)
    #expect(throws: SimulatorError.moreDevicesThanTokens(devices: 65, tokens: 64)) {
      try model.floor(devices: 65)
    }
    #expect(throws: SimulatorError.tooSmall(name: "devices", value: 0, least: 1)) {
      try model.floor(devices: 0)
    }
    let h100 = try BuiltInMachines.machine(id: "h100")
    #expect(
      throws: SimulatorError.unknownLink(
        name: "token ring", machine: "h100", known: ["NVLink 4", "PCIe 5"])
    ) { try h100.link(named: "token ring") }
    #expect(try h100.link(named: "pcie 5").bandwidth.value == 64e9)
    #expect(
      throws: SimulatorError.machineLacks(
        machine: "zen5", quantity: "links to other machines in its file")
    ) { try BuiltInMachines.machine(id: "zen5").link() }
  }

  private static func dense(_ tokens: Int, causal: Bool = false) throws -> Plan {
    let shape = try AttentionShape(
      queryHeads: 8, keyValueHeads: 4, queryLength: tokens, headDim: 64,
      causality: causal ? .bottomRight : .none)
    return Plan(shape: shape, stages: [.attend(Attend())])
  }

  private static func model(
    _ plan: Plan, _ partition: Partition, link: Link? = nil
  ) throws -> SequenceParallel {
    try SequenceParallel(
      plan: plan, partition: partition, machine: machine,
      link: link ?? Link(name: "test", bandwidth: number(100e9), latency: number(1e-6)))
  }

  /// Products alone bind: memory and exponentials are a thousand times as fast as they need to be.
  private static let machine = Machine(
    id: "test", title: "test", kind: .cpu, nativePrecision: .float32,
    parallelUnits: Sourced(1, quality: .derived, source: "test"),
    rates: [
      .float32: Rate(perSecond: number(1e12), unit: .vector),
      .exponential: Rate(perSecond: number(1e15), unit: .vector),
    ],
    levels: [
      MemoryLevel(
        name: "memory", bandwidth: number(1e15), bandwidthSharing: .machine, capacity: nil,
        capacitySharing: .machine)
    ])

  private static func number(_ value: Double) -> Sourced<Double> {
    Sourced(value, quality: .derived, source: "test")
  }

  /// Sums and quotients in another order round in the last bits.
  private static func isClose(_ left: Double, _ right: Double) -> Bool {
    abs(left - right) <= 1e-12 * abs(right)
  }
}
