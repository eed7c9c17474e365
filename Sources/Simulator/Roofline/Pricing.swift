// SPDX-License-Identifier: MIT

import AttentionCore

/// How one machine prices classes of operations and bytes.
///
/// Precision: an accelerator runs attention in its native precision, so Float32 products are
/// priced there and tensors are counted at its width. A CPU runs what the plan says.
struct Pricing {
  private let machine: Machine

  init(_ machine: Machine) {
    self.machine = machine
  }

  /// Bytes that the machine moves for one byte of a plan's Float32 tensors.
  var byteScale: Double {
    guard machine.kind == .accelerator else { return 1 }
    return switch machine.nativePrecision {
    case .bfloat16, .float16: 0.5
    case .int8, .fp8: 0.25
    default: 1
    }
  }

  /// Bytes that the machine moves for `work`.
  func bytes(of work: StageWork) -> Double {
    Double(work.bytesMoved - work.narrowBytes) * byteScale + Double(work.narrowBytes)
  }

  /// Whether the tensors of this machine already are what `work` converts to.
  func omits(_ work: StageWork) -> Bool {
    guard machine.kind == .accelerator, let target = work.convertsTo else { return false }
    return target.rawValue == machine.nativePrecision.rawValue
  }

  func reprices(_ operations: OperationCounts) -> Bool {
    machine.nativePrecision != .float32 && operations[.float32] > 0
  }

  func floor(of work: StageWork) -> StageFloor {
    let units = machine.parallelUnits.value
    let pieces = max(work.parallelUnits, 1)
    let waves = pieces.dividedUp(by: units)
    // Fewer pieces than units leave units idle, whatever the sizes of the pieces.
    let busy = min(1, Double(pieces) / Double(units))
    let compute = computeCeilings(work.operations).map {
      Ceiling(kind: $0.kind, seconds: $0.seconds / busy)
    }
    let ceilings = compute + memoryCeilings(bytes(of: work))
    return StageFloor(
      name: work.name,
      ceilings: ceilings.filter { $0.seconds > 0 }.sorted {
        ($0.seconds, $1.kind.label) > ($1.seconds, $0.kind.label)
      },
      waves: waves, waveEfficiency: Double(pieces) / (Double(waves) * Double(units)))
  }

  /// The rate at which operations of `kind` are priced, or nil if the machine states none.
  ///
  /// Transforms, element-wise work and comparisons without a rate of their own run on the vector
  /// units, where no operation on a Float32 lane is faster than half a multiply-add.
  func rate(_ kind: OperationClass) -> Rate? {
    let float32 = machine.rates[.float32]
    switch kind {
    case .float32: return machine.rates[machine.nativePrecision]
    case .bfloat16: return machine.rates[.bfloat16]
    case .int8: return machine.rates[.int8]
    // Where there are no 4-bit integers, they are unpacked and multiplied as bytes.
    case .int4: return machine.rates[.int4] ?? machine.rates[.int8]
    case .fp8: return machine.rates[.fp8]
    case .fp8Narrow: return machine.rates[.fp8Narrow] ?? machine.rates[.fp8]
    case .fp4: return machine.rates[.fp4]
    case .fourier: return float32
    case .elementwise: return machine.rates[.elementwise] ?? float32
    case .exponential: return machine.rates[.exponential]
    case .compare: return machine.rates[.compare] ?? float32
    }
  }

  /// Products on one unit share it and add up; exponentials and the rest are ceilings of their own,
  /// which keeps the floor true where they overlap with products.
  private func computeCeilings(_ operations: OperationCounts) -> [Ceiling] {
    var seconds: [Ceiling.Kind: Double] = [:]
    for (kind, count) in operations.counts {
      guard let rate = rate(kind) else { continue }
      seconds[ceiling(of: kind, rate), default: 0] += Double(count) / rate.perSecond.value
    }
    return seconds.map { Ceiling(kind: $0.key, seconds: $0.value) }
  }

  private func ceiling(of kind: OperationClass, _ rate: Rate) -> Ceiling.Kind {
    switch kind {
    case .float32, .bfloat16, .int8, .int4, .fp8, .fp8Narrow, .fp4, .fourier:
      .products(rate.unit)
    case .exponential: .exponentials
    case .elementwise: .elementwise
    case .compare: .comparisons
    }
  }

  /// One ceiling per level with a bandwidth.
  ///
  /// On an accelerator all compulsory bytes come from main memory. On a CPU the levels nearer than
  /// one may hold part of the tensors from before, so only the bytes beyond their capacity must
  /// cross it; what fits a cache is priced at that cache's bandwidth.
  private func memoryCeilings(_ bytes: Double) -> [Ceiling] {
    guard machine.kind == .cpu else {
      return machine.memory.flatMap { ceiling(of: bytes, through: $0) }.map { [$0] } ?? []
    }
    var held = 0.0
    var ceilings: [Ceiling] = []
    for level in machine.levels {
      ceilings += ceiling(of: max(bytes - held, 0), through: level).map { [$0] } ?? []
      // A level of unknown size may hold everything.
      held += level.capacity?.value ?? .infinity
    }
    return ceilings
  }

  private func ceiling(of bytes: Double, through level: MemoryLevel) -> Ceiling? {
    level.bandwidth.map {
      Ceiling(kind: .memory(level: level.name), seconds: bytes / $0.value)
    }
  }

  /// Product operations per byte of main memory at which the mix of products in `operations` takes
  /// as long as its bytes.
  func ridgePoint(_ operations: OperationCounts) -> Double? {
    guard let bandwidth = machine.memory?.bandwidth else { return nil }
    let products = computeCeilings(operations).filter {
      if case .products = $0.kind { true } else { false }
    }
    guard let longest = products.map(\.seconds).max(), longest > 0 else { return nil }
    return Double(operations.products) / longest / bandwidth.value
  }
}
