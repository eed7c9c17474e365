// SPDX-License-Identifier: MIT

/// What decides whether hardware counters can work on a host.
public struct HostCounterFacts: Hashable, Sendable {
  /// Whether the kernel lists a CPU performance-monitoring unit.
  public let isPMUVisible: Bool
  /// Whether this is a virtual machine.
  public let isVirtual: Bool
  /// `kernel.perf_event_paranoid`, or nil if unknown.
  public let paranoid: Int?

  public init(isPMUVisible: Bool, isVirtual: Bool, paranoid: Int?) {
    self.isPMUVisible = isPMUVisible
    self.isVirtual = isVirtual
    self.paranoid = paranoid
  }

  /// The facts of this host.
  public static func current(tree: SystemTree = SystemTree()) -> Self {
    let devices = tree.names(inSys: "bus/event_source/devices")
    // `cpu` on x86, `cpu_core` and `cpu_atom` on hybrid parts, `armv8_...` on Arm.
    let visible = devices.contains { $0.hasPrefix("cpu") || $0.hasPrefix("armv") }
    return Self(
      isPMUVisible: visible, isVirtual: CPUIdentity.current.features.contains(.hypervisor),
      paranoid: tree.proc("sys/kernel/perf_event_paranoid").flatMap { Int($0) })
  }

  /// The reason to give for a hardware event that could not be opened.
  func reason(candidates: [String], detail: String) -> AbsenceReason {
    guard isPMUVisible else { return .noHardwareCounters(isVirtual: isVirtual) }
    // From 3 on, some kernels refuse every event to a user without privilege.
    if let paranoid, paranoid > 2 { return .notPermitted(paranoid: paranoid) }
    return .unknownEvent(candidates: candidates, detail: detail)
  }
}
