// SPDX-License-Identifier: MIT

/// Why a counter has no number.
public enum AbsenceReason: Hashable, Sendable {
  /// The kernel shows no hardware counters.
  case noHardwareCounters(isVirtual: Bool)
  /// `kernel.perf_event_paranoid` forbids the event to this user.
  case notPermitted(paranoid: Int?)
  /// None of the candidate events is known; `detail` is what the library or kernel said.
  case unknownEvent(candidates: [String], detail: String)
  /// PAPI could not be used at all.
  case libraryUnavailable(detail: String)
  /// The kernel never gave the event a hardware register.
  case neverScheduled
  /// The counter was not started before it was read.
  case notStarted
  /// A call failed with this error number.
  case failed(code: Int32)
  /// The system offers no such file or figure.
  case notProvided(by: String)
  /// A program that the counter needs is not installed; `mend` is the command that installs it.
  case toolMissing(name: String, mend: String)
  /// A program ran and did not give the number.
  case toolFailed(name: String, detail: String)
  /// The counter counts a case again, and no case was given.
  case noCase
}

extension AbsenceReason: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noHardwareCounters(isVirtual: true):
      "no hardware counters: the hypervisor shows this guest no PMU"
    case .noHardwareCounters(isVirtual: false):
      "no hardware counters: the kernel found no PMU"
    case .notPermitted(let paranoid):
      "kernel.perf_event_paranoid is \(paranoid.map(String.init) ?? "unknown") and forbids it; "
        + "lower it to 1 or grant CAP_PERFMON"
    case .unknownEvent(let candidates, let detail):
      "unknown here: \(candidates.joined(separator: ", ")) (\(detail))"
    case .libraryUnavailable(let detail):
      "PAPI is unavailable: \(detail)"
    case .neverScheduled:
      "the kernel never scheduled it: all counter registers were taken"
    case .notStarted:
      "the counter was not started"
    case .failed(let code):
      "the system refused it (error \(code))"
    case .notProvided(let name):
      "not provided by \(name)"
    case .toolMissing(let name, let mend):
      "\(name) is not installed; mend with: \(mend)"
    case .toolFailed(let name, let detail):
      "\(name) gave no number: \(detail)"
    case .noCase:
      "it counts a case of a suite again; see `attnbench run --counters cachegrind`"
    }
  }
}

extension CounterValue {
  /// A missing number with its reason.
  public static func absent(_ reason: AbsenceReason) -> Self {
    .absent(reason: reason.description)
  }
}
