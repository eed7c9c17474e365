// SPDX-License-Identifier: MIT

import Foundation
import Measurement
import Testing

struct FingerprintTests {
  private static let wide: Set<CPUFeature> = [
    .avx2, .fma, .avx512f, .avx512bw, .avx512vl, .avx512dq,
  ]

  private static func identity(
    _ vendor: String, _ family: Int, _ model: Int, stepping: Int = 1,
    features: Set<CPUFeature> = wide
  ) -> CPUIdentity {
    CPUIdentity(
      vendor: vendor, brand: "Some CPU", family: family, model: model, stepping: stepping,
      features: features, l1DataBytes: 32 << 10, l2Bytes: 1 << 20, l3Bytes: 32 << 20,
      hypervisor: nil)
  }

  private static func fingerprint(_ identity: CPUIdentity, cores: Int = 2) -> HostFingerprint {
    HostFingerprint(identity: identity, cores: cores, logicalCPUs: 2 * cores, l3SharingCPUs: 4)
  }

  @Test(arguments: [
    ("AuthenticAMD", 25, 0x11, "zen4"), ("AuthenticAMD", 25, 0x61, "zen4"),
    ("AuthenticAMD", 25, 0xa0, "zen4"), ("AuthenticAMD", 25, 0x01, "zen3"),
    ("AuthenticAMD", 25, 0x21, "zen3"), ("AuthenticAMD", 26, 0x02, "zen5"),
    ("AuthenticAMD", 23, 0x31, "zen2"), ("AuthenticAMD", 23, 0x01, "zen1"),
    ("GenuineIntel", 6, 0x8f, "sapphirerapids"), ("GenuineIntel", 6, 0x6a, "icelake"),
    ("GenuineIntel", 6, 0xcf, "emeraldrapids"), ("GenuineIntel", 6, 0x01, "generic"),
    ("GenuineIntel", 15, 0x8f, "generic"), ("SomeoneElse", 25, 0x11, "generic"),
  ])
  func processorsAreNamedByDesign(
    vendor: String, family: Int, model: Int, name: String
  ) {
    #expect(Microarchitecture.name(of: Self.identity(vendor, family, model)) == name)
  }

  @Test func steppingTellsThreeIntelGenerationsApart() {
    let names = [4, 7, 11].map {
      Microarchitecture.name(of: Self.identity("GenuineIntel", 6, 0x55, stepping: $0))
    }
    #expect(names == ["skylakex", "cascadelake", "cooperlake"])
  }

  @Test func slugHoldsDesignCoresAndVectors() {
    let zen4 = Self.identity("AuthenticAMD", 25, 0x11)
    #expect(Self.fingerprint(zen4).slug == "zen4-2c-avx512")
    let zen3 = Self.identity("AuthenticAMD", 25, 0x01, features: [.avx2, .fma])
    #expect(Self.fingerprint(zen3, cores: 64).slug == "zen3-64c-avx2")
    #expect(Self.fingerprint(Self.identity("", 0, 0, features: [])).slug == "generic-2c-scalar")
  }

  @Test func halfOfTheWideInstructionsIsNotWide() {
    let partial = Self.identity("AuthenticAMD", 25, 0x11, features: [.avx2, .fma, .avx512f])
    #expect(Self.fingerprint(partial).vectorSet == "avx2")
  }

  @Test func keyChangesWithEveryPart() {
    let base = Self.identity("AuthenticAMD", 25, 0x11)
    let keys = [
      Self.fingerprint(base), Self.fingerprint(base, cores: 4),
      Self.fingerprint(Self.identity("AuthenticAMD", 25, 0x12)),
      Self.fingerprint(Self.identity("AuthenticAMD", 25, 0x11, stepping: 2)),
      Self.fingerprint(Self.identity("AuthenticAMD", 25, 0x11, features: [.avx2])),
    ].map(\.key)
    #expect(Set(keys).count == keys.count)
    #expect(keys.allSatisfy { $0.count == 16 })
    #expect(keys[0] == Self.fingerprint(base).key)
  }

  @Test func cpuListsFollowTheKernelsNotation() {
    #expect(CPUList.numbers("0-3,8,10-11") == [0, 1, 2, 3, 8, 10, 11])
    #expect(CPUList.numbers("0") == [0])
    #expect(CPUList.numbers("3-1,x") == [])
    #expect(CPUList.numbers("") == [])
  }

  @Test func topologyComesFromTheKernelsFiles() throws {
    let root = FileManager.default.temporaryDirectory
      .appendingPathComponent("attnbench-sys-\(UInt64.random(in: 0...UInt64.max))")
    defer { try? FileManager.default.removeItem(at: root) }
    func write(_ path: String, _ text: String) throws {
      let file = root.appendingPathComponent("devices/system/cpu/" + path)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try (text + "\n").write(to: file, atomically: true, encoding: .utf8)
    }
    try write("online", "0-3")
    for cpu in 0..<4 {
      try write("cpu\(cpu)/topology/core_id", "\(cpu / 2)")
      try write("cpu\(cpu)/topology/physical_package_id", "0")
    }
    try write("cpu0/cache/index3/shared_cpu_list", "0-3")
    let found = HostFingerprint.current(
      identity: Self.identity("AuthenticAMD", 26, 2), tree: SystemTree(sysRoot: root.path))
    #expect(found.slug == "zen5-2c-avx512")
    #expect(found.logicalCPUs == 4)
    #expect(found.l3SharingCPUs == 4)
  }

  @Test func thisMachineHasAFingerprint() throws {
    let found = HostFingerprint.current()
    #expect(found.cores >= 1 && found.logicalCPUs >= found.cores)
    let data = try JSONEncoder().encode(found)
    #expect(try JSONDecoder().decode(HostFingerprint.self, from: data) == found)
  }
}
