// SPDX-License-Identifier: MIT

/// One counter of a case, or the reason it could not be read.
public struct CounterRecord: Codable, Hashable, Sendable {
  public var name: String
  public var unit: String
  /// Where the number comes from, such as `papi`, `papi-sde`, `perf` or `rusage`.
  public var source: String
  public var value: Quantity

  public init(name: String, unit: String, source: String, value: Quantity) {
    self.name = name
    self.unit = unit
    self.source = source
    self.value = value
  }
}

/// Memory that a case needed.
public struct MemoryRecord: Codable, Hashable, Sendable {
  /// Scratch of the engine, without inputs and outputs.
  public var workspaceBytes: Known<Int>
  /// Largest resident size of the process up to the end of the case.
  public var peakResidentBytes: Known<Int>

  public init(workspaceBytes: Known<Int>, peakResidentBytes: Known<Int>) {
    self.workspaceBytes = workspaceBytes
    self.peakResidentBytes = peakResidentBytes
  }
}
