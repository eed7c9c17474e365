// SPDX-License-Identifier: MIT

/// How a case was executed.
public struct ExecutionRecord: Codable, Hashable, Sendable {
  public var threads: Int
  /// Processors that the threads were bound to, such as `0-1`, or `unknown`.
  public var affinity: String
  /// Name of the kernel table that ran, such as `avx512_bf16`.
  public var kernelTable: String
  /// UTC time in ISO 8601, or `unknown`.
  public var startedAt: String
  /// State of the machine during the case, by name: `loadAverage`, `governor`, `frequency`,
  /// `pageSize`, `addressSpaceRandomisation`, `steal`; a value may be `unknown`.
  public var conditions: [String: String]

  public init(
    threads: Int, affinity: String, kernelTable: String, startedAt: String,
    conditions: [String: String]
  ) {
    self.threads = threads
    self.affinity = affinity
    self.kernelTable = kernelTable
    self.startedAt = startedAt
    self.conditions = conditions
  }
}

/// What was built, from what, and what it was linked with.
public struct BuildRecord: Codable, Hashable, Sendable {
  public var attnbenchVersion: String
  /// Commit of the sources, or `unknown`.
  public var commit: String
  public var compiler: String
  /// Version of each library by name.
  public var libraries: [String: String]
  /// The core that OpenBLAS chose, or `unknown`.
  public var openBLASCore: String
  /// OpenBLAS variables that were found in the environment, by name.
  public var openBLASInherited: [String: String]

  public init(
    attnbenchVersion: String, commit: String, compiler: String, libraries: [String: String],
    openBLASCore: String, openBLASInherited: [String: String]
  ) {
    self.attnbenchVersion = attnbenchVersion
    self.commit = commit
    self.compiler = compiler
    self.libraries = libraries
    self.openBLASCore = openBLASCore
    self.openBLASInherited = openBLASInherited
  }
}

/// The processor that ran a case, without the name of the host.
public struct MachineRecord: Codable, Hashable, Sendable {
  /// Model as the processor gives it, such as `AMD EPYC 9B45`.
  public var cpu: String
  /// Hash over everything that changes speed: model, features, caches, cores.
  public var fingerprint: String
  /// Short name for folders, such as `zen5-2c-avx512`.
  public var slug: String
  public var cores: Int

  public init(cpu: String, fingerprint: String, slug: String, cores: Int) {
    self.cpu = cpu
    self.fingerprint = fingerprint
    self.slug = slug
    self.cores = cores
  }
}
