// SPDX-License-Identifier: MIT

import Measurement

/// A kernel that counts what a test says, and remembers what is open.
final class FakePerf: PerfAccess {
  var counts: [PerfEvent: PerfCount] = [:]
  /// Error numbers of events that cannot be opened, negated.
  var refusals: [PerfEvent: Int32] = [:]
  private var descriptors: [Int32: PerfEvent] = [:]
  private var next: Int32 = 3

  var leaked: Int { descriptors.count }

  func open(_ event: PerfEvent, thread: Int32) -> Int32 {
    if let refusal = refusals[event] { return refusal }
    next += 1
    descriptors[next] = event
    return next
  }

  func start(_ descriptor: Int32) {}
  func stop(_ descriptor: Int32) {}

  func read(_ descriptor: Int32, into count: inout PerfCount) -> Int32 {
    guard let event = descriptors[descriptor], let known = counts[event] else { return -5 }
    count = known
    return 0
  }

  func close(_ descriptor: Int32) { descriptors[descriptor] = nil }
  func threads() -> [Int32] { [10, 11] }
}

/// Programs that answer what a test says and log how they were called.
final class FakeTools: ToolAccess {
  var installed: Set<String> = ["valgrind", "strip", "setarch"]
  var answers: [ToolOutcome] = []
  private(set) var calls: [[String]] = []
  private(set) var environments: [[String: String]] = []

  func path(of name: String) -> String? {
    installed.contains(name) ? "/usr/bin/\(name)" : nil
  }

  func run(
    _ path: String, _ arguments: [String], environment: [String: String]?
  ) -> ToolOutcome {
    calls.append([path] + arguments)
    if let environment { environments.append(environment) }
    if path.hasSuffix("/strip") { return ToolOutcome(end: .exited(0)) }
    return answers.isEmpty ? ToolOutcome(end: .exited(1)) : answers.removeFirst()
  }

  /// What cachegrind writes at its end.
  static func counted(_ count: String, label: String = "avx2 kernels") -> ToolOutcome {
    ToolOutcome(
      end: .exited(0), output: label + "\n",
      errors: "==7== Cachegrind\n==7== \n==7== I   refs:      \(count)\n")
  }
}
