// SPDX-License-Identifier: MIT

/// Roofs of the running host, measured with a given number of threads.
public struct HostRoofRates: Hashable, Sendable, Codable {
  public struct Level: Hashable, Sendable, Codable {
    /// `L1`, `L2`, `L3` or `memory`.
    public let name: String
    /// Whether all threads share it.
    public let isShared: Bool
    /// The highest bandwidth of any access pattern that was timed, all threads together [byte/s].
    public let bandwidth: Double
    /// All threads together; nil for main memory [byte].
    public let capacity: Int?

    public init(name: String, isShared: Bool, bandwidth: Double, capacity: Int?) {
      self.name = name
      self.isShared = isShared
      self.bandwidth = bandwidth
      self.capacity = capacity
    }
  }

  public let threads: Int
  /// Highest rates of all threads together, by class [op/s].
  public let rates: [RateClass: Double]
  /// Nearest to the cores first; the last is main memory.
  public let levels: [Level]
  /// What was measured and how, for the record.
  public let source: String

  public init(threads: Int, rates: [RateClass: Double], levels: [Level], source: String) {
    self.threads = threads
    self.rates = rates
    self.levels = levels
    self.source = source
  }
}

extension Machine {
  /// The running host with as many parallel units as there were threads.
  ///
  /// - Throws: ``SimulatorError`` if there is no thread, no Float32 rate, or a rate or bandwidth is
  ///   not a finite number above 0.
  public init(host roofs: HostRoofRates, id: String = "host", title: String) throws(SimulatorError)
  {
    guard roofs.threads >= 1 else {
      throw .tooSmall(name: "threads", value: roofs.threads, least: 1)
    }
    guard roofs.rates[.float32] != nil else {
      throw .machineLacks(machine: id, quantity: "rate of float32 products")
    }
    for (kind, rate) in roofs.rates where !(rate.isFinite && rate > 0) {
      throw .machineLacks(machine: id, quantity: "positive rate of \(kind.rawValue)")
    }
    for level in roofs.levels where !(level.bandwidth.isFinite && level.bandwidth > 0) {
      throw .machineLacks(machine: id, quantity: "positive bandwidth of \(level.name)")
    }
    func measured(_ value: Double) -> Sourced<Double> {
      Sourced(value, quality: .measured, source: roofs.source)
    }
    self.init(
      id: id, title: title, kind: .cpu, nativePrecision: .float32,
      parallelUnits: Sourced(roofs.threads, quality: .measured, source: roofs.source),
      rates: roofs.rates.mapValues { Rate(perSecond: measured($0), unit: .vector) },
      levels: roofs.levels.map { level in
        let sharing = level.isShared ? MemoryLevel.Sharing.machine : .unit
        return MemoryLevel(
          name: level.name, bandwidth: measured(level.bandwidth), bandwidthSharing: sharing,
          capacity: level.capacity.map { measured(Double($0)) }, capacitySharing: sharing)
      })
  }
}
