// SPDX-License-Identifier: MIT

/// What a run folder belongs to, and the ceilings of the host that made it.
public struct RunHeader: Codable, Hashable, Sendable {
  public var schema = CaseRecord.currentSchema
  public var suite: String
  /// ``TextFingerprint`` of the suite file.
  public var suiteFingerprint: String
  public var seed: UInt64
  /// Options of the command that began the run, by name.
  public var options: [String: String]
  public var attnbenchVersion: String
  /// UTC time in ISO 8601, or `unknown`.
  public var startedAt: String
  /// One entry per thread count that was probed.
  public var ceilings: [HostCeilings]
  /// Tells runs apart that began in the same second; nil in runs of early versions.
  public var runID: String?

  public init(
    suite: String, suiteFingerprint: String, seed: UInt64, options: [String: String],
    attnbenchVersion: String, startedAt: String, ceilings: [HostCeilings], runID: String? = nil
  ) {
    self.runID = runID
    self.suite = suite
    self.suiteFingerprint = suiteFingerprint
    self.seed = seed
    self.options = options
    self.attnbenchVersion = attnbenchVersion
    self.startedAt = startedAt
    self.ceilings = ceilings
  }
}

extension RunHeader {
  /// A new ``runID``: 16 random hexadecimal digits.
  public static func freshID() -> String {
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// Measured roofs of the host at one thread count.
public struct HostCeilings: Codable, Hashable, Sendable {
  public struct Compute: Codable, Hashable, Sendable {
    /// Such as `f32 multiply-add`.
    public var name: String
    public var gigaflopsPerSecond: Double

    public init(name: String, gigaflopsPerSecond: Double) {
      self.name = name
      self.gigaflopsPerSecond = gigaflopsPerSecond
    }
  }

  public struct Bandwidth: Codable, Hashable, Sendable {
    /// Such as `L2` or `memory`.
    public var name: String
    public var gigabytesPerSecond: Double

    public init(name: String, gigabytesPerSecond: Double) {
      self.name = name
      self.gigabytesPerSecond = gigabytesPerSecond
    }
  }

  public var threads: Int
  public var compute: [Compute]
  public var bandwidth: [Bandwidth]

  public init(threads: Int, compute: [Compute], bandwidth: [Bandwidth]) {
    self.threads = threads
    self.compute = compute
    self.bandwidth = bandwidth
  }
}

/// A short hash that tells whether two texts are the same, such as two versions of a suite.
public struct TextFingerprint: Hashable, Sendable, CustomStringConvertible {
  public let description: String

  /// FNV-1a with 64 bits over the UTF-8 of `text`; it detects edits, not attacks.
  public init(_ text: String) {
    self.init(bytes: text.utf8)
  }

  init(bytes: some Sequence<UInt8>) {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes {
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
    }
    let digits = String(hash, radix: 16)
    description = String(repeating: "0", count: 16 - digits.count) + digits
  }
}
