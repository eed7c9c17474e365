// SPDX-License-Identifier: MIT

import CPlatform

/// What the kernel says of one open event.
public struct PerfCount: Hashable, Sendable {
  public let value: UInt64
  /// Time during which the event was asked for.
  public let enabledNanoseconds: UInt64
  /// Time during which it had a register; less than enabled where events take turns.
  public let runningNanoseconds: UInt64

  public init(value: UInt64, enabledNanoseconds: UInt64, runningNanoseconds: UInt64) {
    self.value = value
    self.enabledNanoseconds = enabledNanoseconds
    self.runningNanoseconds = runningNanoseconds
  }
}

/// The system calls behind ``PerfEventSource``; a test puts its own in place.
///
/// Codes are negated error numbers, as the kernel gives them.
public protocol PerfAccess {
  /// A descriptor for `event` of one thread, the caller for 0, or a negated error number.
  func open(_ event: PerfEvent, thread: Int32) -> Int32
  func start(_ descriptor: Int32)
  func stop(_ descriptor: Int32)
  /// Stores the count; 0 or a negated error number.
  func read(_ descriptor: Int32, into count: inout PerfCount) -> Int32
  func close(_ descriptor: Int32)
  /// The threads of this process.
  func threads() -> [Int32]
}

/// `perf_event_open` of the running kernel.
public struct KernelPerf: PerfAccess, Sendable {
  private let tree: SystemTree

  public init(tree: SystemTree = SystemTree()) {
    self.tree = tree
  }

  public func open(_ event: PerfEvent, thread: Int32) -> Int32 {
    cplatform_perf_open(event.code, thread)
  }

  public func start(_ descriptor: Int32) { _ = cplatform_perf_start(descriptor) }

  public func stop(_ descriptor: Int32) { _ = cplatform_perf_stop(descriptor) }

  public func read(_ descriptor: Int32, into count: inout PerfCount) -> Int32 {
    var raw = cplatform_perf_count_t()
    let code = cplatform_perf_read(descriptor, &raw)
    count = PerfCount(
      value: raw.value, enabledNanoseconds: raw.enabled_ns, runningNanoseconds: raw.running_ns)
    return code
  }

  public func close(_ descriptor: Int32) { cplatform_perf_close(descriptor) }

  public func threads() -> [Int32] { tree.names(inProc: "self/task").compactMap { Int32($0) } }
}
