// SPDX-License-Identifier: MIT

import Foundation
import Measurement
import Testing

struct EnvironmentTests {
  private static func identity(virtual: Bool) -> CPUIdentity {
    CPUIdentity(
      vendor: "AuthenticAMD", brand: "", family: 25, model: 0x11, stepping: 1,
      features: virtual ? [.hypervisor] : [], l1DataBytes: 0, l2Bytes: 0, l3Bytes: 0,
      hypervisor: virtual ? "KVMKVMKVM" : nil)
  }

  /// A copy of the kernel's files with known content.
  private func withTree(_ body: (SystemTree) throws -> Void) throws {
    let root = FileManager.default.temporaryDirectory
      .appendingPathComponent("attnbench-env-\(UInt64.random(in: 0...UInt64.max))")
    defer { try? FileManager.default.removeItem(at: root) }
    let cpu = Affinity.current.first ?? 0
    let files = [
      "proc/loadavg": "0.50 0.25 1.00 1/90 4361",
      "proc/meminfo": "MemTotal:       2048 kB\nMemFree: 1 kB",
      "proc/sys/kernel/randomize_va_space": "0",
      "proc/sys/kernel/osrelease": "6.1.0-test",
      "proc/sys/kernel/perf_event_paranoid": "3",
      "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never",
      "sys/devices/system/cpu/cpu\(cpu)/cpufreq/scaling_governor": "performance",
      "sys/devices/system/cpu/cpu\(cpu)/cpufreq/scaling_cur_freq": "3500000",
    ]
    for (path, text) in files {
      let file = root.appendingPathComponent(path)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try (text + "\n").write(to: file, atomically: true, encoding: .utf8)
    }
    try body(SystemTree(procRoot: root.path + "/proc", sysRoot: root.path + "/sys"))
  }

  @Test func factsComeFromTheKernelsFiles() throws {
    try withTree { tree in
      let record = EnvironmentRecord.current(tree: tree, identity: Self.identity(virtual: false))
      #expect(record.loadAverages == .known([0.5, 0.25, 1]))
      #expect(record.governor == .known("performance"))
      #expect(record.frequencyHertz == .known(3_500_000_000))
      #expect(record.transparentHugePages == .known("madvise"))
      #expect(record.isAddressSpaceRandomised == .known(false))
      #expect(record.memoryBytes == .known(2 << 20))
      #expect(record.kernelRelease == .known("6.1.0-test"))
      #expect(record.perfEventParanoid == .known(3))
      #expect(record.hypervisor == .unknown)
    }
  }

  @Test func aGuestDoesNotKnowItsFrequency() throws {
    try withTree { tree in
      let record = EnvironmentRecord.current(tree: tree, identity: Self.identity(virtual: true))
      #expect(record.frequencyHertz == .unknown)
      #expect(record.isVirtual)
      #expect(record.hypervisor == .known("KVMKVMKVM"))
    }
  }

  @Test func whatCannotBeReadIsUnknown() throws {
    let nowhere = SystemTree(procRoot: "/nonexistent", sysRoot: "/nonexistent")
    let record = EnvironmentRecord.current(tree: nowhere, identity: Self.identity(virtual: false))
    #expect(record.governor == .unknown)
    #expect(record.loadAverages == .unknown)
    #expect(record.kernelRelease == .unknown)
    #expect(record.pageBytes >= 4096)
  }

  @Test func unknownIsWrittenAsAWord() throws {
    let nowhere = SystemTree(procRoot: "/nonexistent", sysRoot: "/nonexistent")
    let record = EnvironmentRecord.current(tree: nowhere, identity: Self.identity(virtual: true))
    let data = try JSONEncoder().encode(record)
    #expect(String(decoding: data, as: UTF8.self).contains("\"frequencyHertz\":\"unknown\""))
    #expect(try JSONDecoder().decode(EnvironmentRecord.self, from: data) == record)
  }

  @Test func theCurrentThreadHasAnAffinity() {
    let cpus = Affinity.current
    #expect(!cpus.isEmpty)
    #expect(cpus == cpus.sorted())
    // The whole current set again: allowed, and changes nothing for other tests.
    #expect(Affinity.pin(to: cpus))
    #expect(Affinity.current == cpus)
  }

  @Test func clocksAdvance() {
    let clock = MonotonicClock()
    let begin = clock.monotonicNanoseconds()
    let cpu = clock.threadCPUNanoseconds()
    var sum = 0.0
    for i in 0..<100_000 { sum += Double(i).squareRoot() }
    #expect(sum > 0)
    #expect(clock.monotonicNanoseconds() > begin)
    #expect(clock.threadCPUNanoseconds() > cpu)
  }
}
