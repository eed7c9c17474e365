// SPDX-License-Identifier: MIT

import Foundation

/// What tells one kind of machine from another; measurements of equal fingerprints compare.
///
/// It holds no name of a host and no serial number.
public struct HostFingerprint: Hashable, Codable, Sendable {
  public let vendor: String
  public let brand: String
  public let family: Int
  public let model: Int
  public let stepping: Int
  /// Physical cores that are online.
  public let cores: Int
  /// Logical CPUs that are online.
  public let logicalCPUs: Int
  /// Bytes per core; 0 if unknown.
  public let l1DataBytes: Int
  /// Bytes per core; 0 if unknown.
  public let l2Bytes: Int
  /// Bytes per cache; 0 if there is none or its size is unknown.
  public let l3Bytes: Int
  /// Logical CPUs that share one last-level cache.
  public let l3SharingCPUs: Int
  /// The processor design, such as `zen4`, or `generic`.
  public let microarchitecture: String
  /// Usable instruction sets, ascending.
  public let features: [CPUFeature]

  public init(
    identity: CPUIdentity, cores: Int, logicalCPUs: Int, l3SharingCPUs: Int
  ) {
    vendor = identity.vendor
    brand = identity.brand
    family = identity.family
    model = identity.model
    stepping = identity.stepping
    self.cores = cores
    self.logicalCPUs = logicalCPUs
    l1DataBytes = identity.l1DataBytes
    l2Bytes = identity.l2Bytes
    l3Bytes = identity.l3Bytes
    self.l3SharingCPUs = l3SharingCPUs
    features = identity.features.sorted()
    microarchitecture = Microarchitecture.name(of: identity)
  }

  /// The widest vector instructions: `avx512`, `avx2` or `scalar`.
  public var vectorSet: String {
    // The kernel tables of that name need all four parts.
    let wide: [CPUFeature] = [.avx512f, .avx512bw, .avx512vl, .avx512dq]
    if wide.allSatisfy(features.contains) { return "avx512" }
    return features.contains(.avx2) && features.contains(.fma) ? "avx2" : "scalar"
  }

  /// A short name for folders, such as `zen4-2c-avx512`; not unique.
  public var slug: String { "\(microarchitecture)-\(cores)c-\(vectorSet)" }

  /// Sixteen hexadecimal digits that differ when any part of the fingerprint does.
  public var key: String {
    let parts: [String] =
      [vendor, brand] + features.map(\.rawValue)
      + [
        family, model, stepping, cores, logicalCPUs, l1DataBytes, l2Bytes, l3Bytes, l3SharingCPUs,
      ].map(String.init)
    // FNV-1a, 64 bits.
    let hash = parts.joined(separator: "|").utf8.reduce(0xcbf2_9ce4_8422_2325 as UInt64) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01b3
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// The fingerprint of this machine.
  public static func current(
    identity: CPUIdentity = .current, tree: SystemTree = SystemTree()
  ) -> Self {
    let root = "devices/system/cpu/"
    let cpus = tree.sys(root + "online").map(CPUList.numbers) ?? []
    let logical = cpus.isEmpty ? max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) : cpus.count
    let places = Set(
      cpus.compactMap { cpu -> String? in
        let topology = root + "cpu\(cpu)/topology/"
        guard let core = tree.sys(topology + "core_id") else { return nil }
        return "\(tree.sys(topology + "physical_package_id") ?? "0")/\(core)"
      })
    let sharing = tree.sys(root + "cpu\(cpus.first ?? 0)/cache/index3/shared_cpu_list")
      .map { CPUList.numbers($0).count }
    return Self(
      identity: identity, cores: places.isEmpty ? logical : places.count, logicalCPUs: logical,
      l3SharingCPUs: max(1, sharing ?? logical))
  }
}

/// The kernel's notation for sets of CPUs, such as `0-3,8`.
package enum CPUList {
  /// The numbers in `text`, ascending as written; malformed parts are left out.
  package static func numbers(_ text: String) -> [Int] {
    text.split(separator: ",").flatMap { part -> [Int] in
      let ends = part.split(separator: "-").compactMap { Int($0) }
      guard let first = ends.first, let last = ends.last, first <= last else { return [] }
      return Array(first...last)
    }
  }
}
