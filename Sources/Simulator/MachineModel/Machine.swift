// SPDX-License-Identifier: MIT

/// Ceilings of one processor: rates per class of work, bandwidths, parallel units.
///
/// Rates are those of the whole machine at its highest clock, so that times computed from them are
/// lower bounds. What nobody could source is absent, and what it would price is reported as
/// unpriced.
public struct Machine: Hashable, Sendable, Codable {
  public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
    /// Runs attention in ``Machine/nativePrecision``; special functions have their own unit.
    case accelerator
    /// Runs attention in Float32 unless the mechanism quantises.
    case cpu
  }

  /// The short name in options and tables, such as `h100`.
  public let id: String
  public let title: String
  public let kind: Kind
  /// The class at which products in Float32 are priced.
  public let nativePrecision: RateClass
  /// Cores of a CPU, multiprocessors of an accelerator.
  public let parallelUnits: Sourced<Int>
  public let rates: [RateClass: Rate]
  /// Nearest to the units first; the last is main memory.
  public let levels: [MemoryLevel]
  /// Connections to other machines of a group, the usual one first.
  public let links: [Link]
  /// What kernels on this machine can have as tiles; nil where nothing is forbidden.
  public let tileRule: TileRule?

  public init(
    id: String, title: String, kind: Kind, nativePrecision: RateClass, parallelUnits: Sourced<Int>,
    rates: [RateClass: Rate], levels: [MemoryLevel], links: [Link] = [], tileRule: TileRule? = nil
  ) {
    self.id = id
    self.title = title
    self.kind = kind
    self.nativePrecision = nativePrecision
    self.parallelUnits = parallelUnits
    self.rates = rates
    self.levels = levels
    self.links = links
    self.tileRule = tileRule
  }

  /// Main memory, the level that holds whole problems.
  public var memory: MemoryLevel? { levels.last }

  /// Product operations per byte of main memory at which both take equally long [FLOP/byte].
  public func ridgePoint(_ kind: RateClass) -> Double? {
    guard let rate = rates[kind], let bandwidth = memory?.bandwidth else { return nil }
    return rate.perSecond.value / bandwidth.value
  }

  /// The same machine with `units` of its parallel units, such as one core of a CPU.
  ///
  /// Rates and what belongs to a unit shrink in proportion; shared levels stay whole, since a
  /// single unit may have all of their bandwidth.
  /// - Throws: ``SimulatorError`` if `units` is below 1 or more than there are.
  public func using(units: Int) throws(SimulatorError) -> Machine {
    let all = parallelUnits.value
    guard units >= 1 else { throw .tooSmall(name: "parallel units", value: units, least: 1) }
    guard units <= all else { throw .tooManyUnits(machine: id, value: units, most: all) }
    let share = Double(units) / Double(all)
    return Machine(
      id: id, title: title, kind: kind, nativePrecision: nativePrecision,
      parallelUnits: Sourced(
        units, quality: parallelUnits.quality, source: parallelUnits.source),
      rates: rates.mapValues { $0.scaled(by: share) },
      levels: levels.map { $0.scaled(by: share) }, links: links, tileRule: tileRule)
  }
}

/// Classes of work that a machine states a rate for.
public enum RateClass: String, Hashable, Sendable, Codable, CaseIterable, CodingKeyRepresentable {
  /// Multiply-adds in Float32, counted as 2.
  case float32
  case bfloat16
  case float16
  case int8
  case int4
  /// 8-bit floating point with sums of Float32 width.
  case fp8
  /// 8-bit floating point with Float16 sums, where that is faster.
  case fp8Narrow
  case fp4
  case exponential
  case elementwise
  case compare

  /// Whether the class counts multiply-adds of products.
  public var isProduct: Bool {
    switch self {
    case .float32, .bfloat16, .float16, .int8, .int4, .fp8, .fp8Narrow, .fp4: true
    case .exponential, .elementwise, .compare: false
    }
  }
}

/// A rate of work of the whole machine.
public struct Rate: Hashable, Sendable, Codable {
  /// Operations per second of all units together.
  public let perSecond: Sourced<Double>
  public let unit: ExecutionUnit

  public init(perSecond: Sourced<Double>, unit: ExecutionUnit) {
    self.perSecond = perSecond
    self.unit = unit
  }

  func scaled(by share: Double) -> Rate {
    Rate(perSecond: perSecond.scaled(by: share), unit: unit)
  }
}

/// Hardware that classes of products share; work on one unit adds up, units overlap.
public enum ExecutionUnit: String, Hashable, Sendable, Codable, CaseIterable {
  case vector
  /// Tensor cores, or the tile unit of a CPU.
  case matrix
}

/// A cache or main memory.
public struct MemoryLevel: Hashable, Sendable, Codable {
  public let name: String
  /// What one unit may use: all of it, or its own part of the sum.
  public enum Sharing: String, Hashable, Sendable, Codable, CaseIterable {
    case unit, machine
  }

  /// Most bytes that it moves per second [byte/s].
  public let bandwidth: Sourced<Double>?
  public let bandwidthSharing: Sharing
  /// What it holds [byte].
  public let capacity: Sourced<Double>?
  public let capacitySharing: Sharing

  public init(
    name: String, bandwidth: Sourced<Double>?, bandwidthSharing: Sharing,
    capacity: Sourced<Double>?, capacitySharing: Sharing
  ) {
    self.name = name
    self.bandwidth = bandwidth
    self.bandwidthSharing = bandwidthSharing
    self.capacity = capacity
    self.capacitySharing = capacitySharing
  }

  /// The level as `share` of the units see it.
  func scaled(by share: Double) -> MemoryLevel {
    MemoryLevel(
      name: name, bandwidth: bandwidth?.scaled(by: bandwidthSharing == .unit ? share : 1),
      bandwidthSharing: bandwidthSharing,
      capacity: capacity?.scaled(by: capacitySharing == .unit ? share : 1),
      capacitySharing: capacitySharing)
  }
}

extension Sourced where Value == Double {
  func scaled(by share: Double) -> Sourced {
    share == 1 ? self : Sourced(value * share, quality: quality, source: source)
  }
}
