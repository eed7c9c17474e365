// SPDX-License-Identifier: MIT

import CPlatform

/// Work that several pinned threads do at once.
protocol PinnedWork: Sendable {
  /// Does the share of one thread; returns its operations or bytes.
  func run(thread: Int) -> Double
}

/// One run of some work on pinned threads.
struct PinnedRun {
  /// Operations or bytes per second, all threads together, each by its own CPU time.
  let rate: Double
  /// Whether a thread had to wait for its CPU.
  let isDisturbed: Bool

  /// Runs `work` on one new thread per CPU and measures it.
  ///
  /// - Throws: `threadsRefused` if a thread cannot be created or pinned.
  init(_ work: any PinnedWork, cpus: [Int]) throws(MeasurementError) {
    let context = Context(work: work, threads: cpus.count)
    var spans = [cplatform_span_t](repeating: cplatform_span_t(), count: cpus.count)
    let numbers = cpus.map { Int32(clamping: $0) }
    let code = cplatform_run_pinned(
      Int32(cpus.count), numbers,
      { pointer, index in
        guard let pointer else { return }
        Unmanaged<Context>.fromOpaque(pointer).takeUnretainedValue().run(thread: Int(index))
      }, Unmanaged.passUnretained(context).toOpaque(), &spans)
    guard code == 0 else { throw .threadsRefused(threads: cpus.count, code: -code) }
    rate = withExtendedLifetime(context) {
      zip(spans, context.results).reduce(0) { sum, item in
        sum + item.1 * 1e9 / Double(max(1, item.0.cpu_ns))
      }
    }
    isDisturbed = spans.contains { span in
      // 2 % for clock reads and interrupts, and 20 us for runs that are shorter than planned.
      let wall = span.end_ns &- span.begin_ns
      return wall > span.cpu_ns + span.cpu_ns / 50 + 20_000
    }
  }

  /// Shared with the threads; each writes one slot, and the join orders the reads after them.
  private final class Context: @unchecked Sendable {
    private let work: any PinnedWork
    private let slots: UnsafeMutableBufferPointer<Double>

    init(work: any PinnedWork, threads: Int) {
      self.work = work
      slots = .allocate(capacity: threads)
      slots.initialize(repeating: 0)
    }

    deinit { slots.deallocate() }

    var results: [Double] { Array(slots) }

    func run(thread: Int) { slots[thread] = work.run(thread: thread) }
  }
}
