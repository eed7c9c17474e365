// SPDX-License-Identifier: MIT

import AttentionCore
import Simulator
import Testing

@Suite struct RooflineTests {
  @Test func productsOnOneUnitAddUpAndTheRestOverlaps() throws {
    let host = try Machine(host: .example, title: "host")
    let floor = RooflineFloor(
      work: [
        Self.work([.float32: 2_000_000, .int8: 8_000_000, .exponential: 500_000], bytes: 4_000)
      ], machine: host)
    let stage = floor.stages[0]
    #expect(stage.seconds(.exponentials) == 2.5e-5)
    #expect(stage.seconds(.products(.vector)) == 2e-5)
    #expect(stage.seconds(.memory(level: "L1")) == 1e-8)
    #expect(floor.seconds == 2.5e-5)
    #expect(floor.binding == .exponentials)
    #expect(floor.arithmeticIntensity == 2_500)
    // 10 million products in 20 us against 40 GB/s; two divisions round.
    #expect(abs(try #require(floor.ridgePoint) - 12.5) < 1e-13)
  }

  @Test func stagesFollowEachOther() throws {
    let host = try Machine(host: .example, title: "host")
    let first = Self.work([.float32: 2_000_000], bytes: 0)
    let second = Self.work([.bfloat16: 8_000_000], bytes: 0)
    #expect(RooflineFloor(work: [first, second], machine: host).seconds == 1e-5 + 2e-5)
  }

  @Test func bytesThatFitACacheArePricedAtItsBandwidth() throws {
    let host = try Machine(host: .example, title: "host")
    let small = RooflineFloor(work: [Self.work([:], bytes: 64 << 10)], machine: host)
    #expect(small.binding == .memory(level: "L1"))
    let large = RooflineFloor(work: [Self.work([:], bytes: 100 << 20)], machine: host)
    #expect(large.binding == .memory(level: "memory"))
    // The caches may still hold 2 MiB + 64 KiB from before.
    #expect(large.seconds == Double((100 << 20) - (2 << 20) - (64 << 10)) / 4e10)
  }

  @Test func aLevelOfUnknownSizeMayHoldEverything() throws {
    let zen4 = try BuiltInMachines.machine(id: "zen4")
    let unknown = Machine(
      id: "x", title: "x", kind: .cpu, nativePrecision: .float32,
      parallelUnits: zen4.parallelUnits, rates: zen4.rates,
      levels: [
        MemoryLevel(
          name: "L1", bandwidth: nil, bandwidthSharing: .unit, capacity: nil,
          capacitySharing: .unit), zen4.levels[3],
      ])
    #expect(RooflineFloor(work: [Self.work([:], bytes: 1 << 40)], machine: unknown).seconds == 0)
  }

  @Test func acceleratorsPriceFloat32ProductsAndBytesAtTheirNativePrecision() throws {
    let h100 = try BuiltInMachines.machine(id: "h100")
    let floor = RooflineFloor(
      work: [Self.work([.float32: 989_400_000_000], bytes: 6_700_000_000, units: 132)],
      machine: h100)
    #expect(floor.repricedPrecision == .bfloat16)
    #expect(floor.stages[0].seconds(.products(.matrix)) == 1e-3)
    #expect(floor.stages[0].seconds(.memory(level: "HBM3")) == 1e-3)
    let host = try Machine(host: .example, title: "host")
    #expect(
      RooflineFloor(work: [Self.work([.float32: 1], bytes: 1)], machine: host).repricedPrecision
        == nil)
  }

  @Test func exponentialsAreHalfTheProductsOnAnH100AndAsLongOnAB200() throws {
    // 512 product operations and one exponential per score at head dimension 128: the argument of
    // FlashAttention-3 (arXiv:2407.08608) and of its successor.
    let work = [Self.work([.float32: 512_000_000, .exponential: 1_000_000], bytes: 0, units: 1000)]
    let h100 = RooflineFloor(
      work: work, machine: try BuiltInMachines.machine(id: "h100")
    ).stages[0]
    let b200 = RooflineFloor(
      work: work, machine: try BuiltInMachines.machine(id: "b200")
    ).stages[0]
    let ratios = [h100, b200].map { $0.seconds(.exponentials) / $0.seconds(.products(.matrix)) }
    // Two digits are all that the papers' rounded rates give.
    #expect(abs(ratios[0] - 0.5) < 0.01)
    #expect(abs(ratios[1] - 1.0) < 0.01)
    let fp8 = try #require(try BuiltInMachines.machine(id: "h100").rates[.fp8]).perSecond.value
    #expect(abs(h100.seconds(.exponentials) / (512e6 / fp8) - 1.0) < 0.02)
  }

  @Test func tileUnitsOfACPUWorkBesideItsVectorUnits() throws {
    let machine = try BuiltInMachines.machine(id: "sapphire-rapids")
    let work = Self.work([.float32: 1_000_000, .bfloat16: 16_000_000], bytes: 0, units: 56)
    let stage = RooflineFloor(work: [work], machine: machine).stages[0]
    #expect(stage.seconds(.products(.vector)) == stage.seconds(.products(.matrix)))
    #expect(stage.seconds == stage.seconds(.products(.vector)))
  }

  @Test func whatHasNoRateIsNamedAndLeftOut() throws {
    let graviton = try BuiltInMachines.machine(id: "graviton4")
    let floor = RooflineFloor(
      work: [Self.work([.int8: 1_000, .exponential: 1_000, .compare: 1], bytes: 0, units: 96)],
      machine: graviton)
    #expect(Set(floor.unpriced) == [.int8, .exponential])
    // A comparison is at most as fast as half a multiply-add.
    #expect(floor.binding == .comparisons)
    #expect(floor.seconds == 1 / (32 * 2.8e9 * 96))
  }

  @Test func everyMachinePricesTheComparisonsOfASelection() throws {
    for id in BuiltInMachines.ids {
      let machine = try BuiltInMachines.machine(id: id)
      let floor = RooflineFloor(
        work: [Self.work([.compare: 1_000_000], bytes: 0, units: 1 << 20)], machine: machine)
      #expect(floor.unpriced.isEmpty, "\(id)")
      #expect(floor.binding == .comparisons, "\(id)")
    }
  }

  @Test func bfloat16AttentionOnAnAcceleratorIsDenseAttentionThere() throws {
    let shape = try AttentionShape(queryHeads: 8, queryLength: 2_048, headDim: 64)
    let low = Plan(shape: shape, stages: [.attend(Attend(precision: .bfloat16))])
    let dense = Plan(shape: shape, stages: [.attend(Attend())])
    for id in ["h100", "b200", "a100", "rtx4090"] {
      let machine = try BuiltInMachines.machine(id: id)
      let report = try BoundReport(plan: low, dense: dense, machine: machine)
      #expect(report.rooflineBound == 1, "\(id)")
      #expect(report.mechanism.stages.map(\.name) == ["attend"], "\(id)")
    }
    // A CPU holds Float32 tensors and converts them.
    let floor = try low.floor(on: Machine(host: .example, title: "host"))
    #expect(floor.stages.map(\.name) == ["convert keys and values", "attend"])
  }

  @Test func quantisedTensorsKeepTheirWidthOnAnAccelerator() throws {
    let h100 = try BuiltInMachines.machine(id: "h100")
    let shape = try AttentionShape(
      queryHeads: 8, queryLength: 1, keyLength: 1 << 20, headDim: 128)
    func seconds(_ precision: DecodePrecision) throws -> Double {
      let plan = Plan(
        shape: shape, stages: [.decode(Decode(keyValuePrecision: precision))])
      let floor = try plan.floor(on: h100)
      #expect(floor.binding == .memory(level: "HBM3"))
      return floor.seconds
    }
    // A cache in bfloat16 is what dense attention has there; in INT8 it has half the bytes, and a
    // Float32 scale per key of 256 bytes.
    #expect(try seconds(.bfloat16) == seconds(.float32))
    let ratio = try seconds(.float32) / seconds(.int8)
    #expect(abs(ratio - 512.0 / 260) < 1e-3)
  }

  @Test func aBoundIsAbsentWhereOnlyTheMechanismLacksARate() throws {
    let graviton = try BuiltInMachines.machine(id: "graviton4")
    let shape = try AttentionShape(queryHeads: 8, queryLength: 2_048, headDim: 64)
    let dense = Plan(shape: shape, stages: [.attend(Attend())])
    let low = Plan(shape: shape, stages: [.attend(Attend(precision: .bfloat16))])
    #expect(try BoundReport(plan: low, dense: dense, machine: graviton).rooflineBound == nil)
    #expect(try BoundReport(plan: dense, dense: dense, machine: graviton).rooflineBound == 1)
  }

  @Test func fewerPiecesThanUnitsLeaveUnitsIdle() throws {
    let h100 = try BuiltInMachines.machine(id: "h100")
    func stage(_ units: Int) -> StageFloor {
      RooflineFloor(work: [Self.work([.float32: 1 << 30], bytes: 0, units: units)], machine: h100)
        .stages[0]
    }
    #expect(stage(33).seconds == 4 * stage(132).seconds)
    #expect(stage(33).waves == 1)
    #expect(stage(33).waveEfficiency == 0.25)
    #expect(stage(264).seconds == stage(132).seconds)
    #expect(stage(265).waves == 3)
    #expect(stage(265).waveEfficiency == 265.0 / 396)
  }

  private static func work(
    _ operations: [OperationClass: Int], bytes: Int, units: Int = 2
  ) -> StageWork {
    StageWork(
      name: "stage", operations: OperationCounts(operations), bytesRead: bytes, bytesWritten: 0,
      parallelUnits: units)
  }
}

extension StageFloor {
  func seconds(_ kind: Ceiling.Kind) -> Double {
    ceilings.first { $0.kind == kind }?.seconds ?? 0
  }
}
