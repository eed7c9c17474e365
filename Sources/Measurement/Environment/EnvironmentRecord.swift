// SPDX-License-Identifier: MIT

import CPlatform
import Foundation

/// The state of the machine that a measurement was made in.
///
/// Nothing in it names the host or a person. What a guest cannot know is `unknown`.
public struct EnvironmentRecord: Hashable, Codable, Sendable {
  /// Runnable processes averaged over 1, 5 and 15 minutes.
  public let loadAverages: Known<[Double]>
  /// Frequency governor of the first CPU that the thread may use.
  public let governor: Known<String>
  /// Current frequency of that CPU in hertz; unknown in a virtual machine, which is shown a
  /// nominal figure.
  public let frequencyHertz: Known<Int>
  /// Whether this is a virtual machine.
  public let isVirtual: Bool
  /// The hypervisor's CPUID name, such as `KVMKVMKVM`; unknown on bare metal.
  public let hypervisor: Known<String>
  public let pageBytes: Int
  /// The setting of transparent huge pages: `always`, `madvise` or `never`.
  public let transparentHugePages: Known<String>
  /// Whether addresses of this process are randomised.
  public let isAddressSpaceRandomised: Known<Bool>
  /// Time stolen since boot from the CPUs that the thread may use.
  public let stolenNanosecondsSinceBoot: Known<UInt64>
  /// CPUs that the calling thread may use.
  public let affinity: [Int]
  public let onlineCPUs: Int
  public let memoryBytes: Known<UInt64>
  /// `kernel.perf_event_paranoid`.
  public let perfEventParanoid: Known<Int>
  public let kernelRelease: Known<String>
}

extension EnvironmentRecord {
  /// The state of this machine now.
  public static func current(
    tree: SystemTree = SystemTree(), identity: CPUIdentity = .current
  ) -> Self {
    let affinity = Affinity.current
    let frequency = "devices/system/cpu/cpu\(affinity.first ?? 0)/cpufreq/"
    let isVirtual = identity.features.contains(.hypervisor)
    let kilohertz = tree.sys(frequency + "scaling_cur_freq").flatMap { Int($0) }
    return Self(
      loadAverages: Known(loadAverages(tree)),
      governor: Known(tree.sys(frequency + "scaling_governor")),
      frequencyHertz: Known(isVirtual ? nil : kilohertz.map { $0 * 1000 }),
      isVirtual: isVirtual,
      hypervisor: Known(identity.hypervisor),
      pageBytes: Int(sysconf(Int32(_SC_PAGESIZE))),
      transparentHugePages: Known(
        tree.sys("kernel/mm/transparent_hugepage/enabled").flatMap(chosenWord)),
      isAddressSpaceRandomised: Known(isRandomised(tree)),
      stolenNanosecondsSinceBoot: Known(StealMeter(cpus: affinity).stolenNanoseconds()),
      affinity: affinity,
      onlineCPUs: max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))),
      memoryBytes: Known(memoryBytes(tree)),
      perfEventParanoid: Known(tree.proc("sys/kernel/perf_event_paranoid").flatMap { Int($0) }),
      kernelRelease: Known(tree.proc("sys/kernel/osrelease")))
  }

  private static func loadAverages(_ tree: SystemTree) -> [Double]? {
    let words = tree.proc("loadavg")?.split(separator: " ").prefix(3).compactMap { Double($0) }
    return words?.count == 3 ? words : nil
  }

  /// The kernel's setting counts only if the process did not switch randomisation off.
  private static func isRandomised(_ tree: SystemTree) -> Bool? {
    let disabled = cplatform_aslr_disabled()
    if disabled == 1 { return false }
    guard disabled == 0, let setting = tree.proc("sys/kernel/randomize_va_space") else {
      return nil
    }
    return setting != "0"
  }

  private static func memoryBytes(_ tree: SystemTree) -> UInt64? {
    let line = tree.proc("meminfo")?.split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
    let kibibytes = line?.split(separator: " ").dropFirst().first.flatMap { UInt64($0) }
    return kibibytes.map { $0 * 1024 }
  }

  /// The word in brackets of a setting such as `always [madvise] never`.
  private static func chosenWord(_ text: String) -> String? {
    guard let open = text.firstIndex(of: "["), let close = text.firstIndex(of: "]"), open < close
    else { return nil }
    return String(text[text.index(after: open)..<close])
  }
}
