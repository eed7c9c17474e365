// SPDX-License-Identifier: MIT

/// A level of the memory hierarchy.
public enum MemoryLevel: String, CaseIterable, Hashable, Codable, Sendable {
  case l1
  case l2
  case l3
  case memory
}

/// The peak rate of one loop.
public struct ComputeRoof: Hashable, Codable, Sendable {
  public let kind: RoofKind
  public let instructions: RoofInstructions
  /// All threads together; the median of the repeats.
  public let operationsPerSecond: Double
  /// Median absolute deviation of the repeats over their median.
  public let relativeDeviation: Double
  /// Share of the repeats during which a thread lost its CPU.
  public let disturbedShare: Double

  public init(
    kind: RoofKind, instructions: RoofInstructions, operationsPerSecond: Double,
    relativeDeviation: Double, disturbedShare: Double
  ) {
    self.kind = kind
    self.instructions = instructions
    self.operationsPerSecond = operationsPerSecond
    self.relativeDeviation = relativeDeviation
    self.disturbedShare = disturbedShare
  }
}

/// The bandwidth of one level.
public struct BandwidthRoof: Hashable, Codable, Sendable {
  public let level: MemoryLevel
  /// Bytes that each thread walks over.
  public let bytesPerThread: Int
  /// All threads together; the best vector width, the median of its repeats.
  public let readBytesPerSecond: Double
  /// Bytes read plus bytes written, with ordinary stores; what a store fetches is not counted.
  public let copyBytesPerSecond: Double
  /// The larger of the two relative deviations of the repeats.
  public let relativeDeviation: Double
  /// The larger of the two shares of repeats during which a thread lost its CPU.
  public let disturbedShare: Double

  public init(
    level: MemoryLevel, bytesPerThread: Int, readBytesPerSecond: Double,
    copyBytesPerSecond: Double, relativeDeviation: Double, disturbedShare: Double
  ) {
    self.level = level
    self.bytesPerThread = bytesPerThread
    self.readBytesPerSecond = readBytesPerSecond
    self.copyBytesPerSecond = copyBytesPerSecond
    self.relativeDeviation = relativeDeviation
    self.disturbedShare = disturbedShare
  }
}

/// The roofs of a number of threads that run at once, each on its own CPU.
public struct ThreadRoofs: Hashable, Codable, Sendable {
  public let threads: Int
  /// One entry per loop that the CPU can run.
  public let compute: [ComputeRoof]
  /// One entry per level that exists and is large enough to be told apart from its neighbour.
  public let bandwidth: [BandwidthRoof]

  public init(threads: Int, compute: [ComputeRoof], bandwidth: [BandwidthRoof]) {
    self.threads = threads
    self.compute = compute
    self.bandwidth = bandwidth
  }

  /// The highest rate of `kind` over all instructions, or nil if the CPU has none for it.
  public func best(_ kind: RoofKind) -> ComputeRoof? {
    compute.filter { $0.kind == kind }.max { $0.operationsPerSecond < $1.operationsPerSecond }
  }

  /// The rate of `kind` with certain instructions, or nil if the CPU lacks them.
  public func compute(_ kind: RoofKind, _ instructions: RoofInstructions) -> ComputeRoof? {
    compute.first { $0.kind == kind && $0.instructions == instructions }
  }

  /// The bandwidth of a level, or nil if it was not told apart.
  public func bandwidth(_ level: MemoryLevel) -> BandwidthRoof? {
    bandwidth.first { $0.level == level }
  }
}

/// The measured limits of a host.
public struct HostRoofs: Hashable, Codable, Sendable {
  /// Version of the loops; roofs of another version are measured anew.
  public static let currentVersion = 1

  public let version: Int
  public let fingerprint: HostFingerprint
  /// For one thread, and for all CPUs where there is more than one.
  public let threads: [ThreadRoofs]
  /// How long the measurement took.
  public let probeSeconds: Double

  public init(
    version: Int = currentVersion, fingerprint: HostFingerprint, threads: [ThreadRoofs],
    probeSeconds: Double
  ) {
    self.version = version
    self.fingerprint = fingerprint
    self.threads = threads
    self.probeSeconds = probeSeconds
  }

  /// The roofs of one thread.
  public var single: ThreadRoofs? { roofs(threads: 1) }

  /// The roofs of the largest number of threads.
  public var full: ThreadRoofs? { threads.max { $0.threads < $1.threads } }

  /// The roofs of exactly so many threads, or nil if they were not measured.
  public func roofs(threads count: Int) -> ThreadRoofs? {
    threads.first { $0.threads == count }
  }
}
