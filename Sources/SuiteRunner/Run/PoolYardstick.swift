// SPDX-License-Identifier: MIT

import AttentionEngines
import Measurement
import Synchronization

/// Reads the multiply-add peak and the issue rate of every worker of a pool, all at the same time.
public final class PoolYardstick: YardstickSource, @unchecked Sendable {
  private let pool: WorkerPool
  private let peak: AdjacentPeak?
  private let issue: IssueProbe?
  /// Threads that are read, and by what their rate is multiplied to be that of all.
  private let workers: Int
  private let multiple: Double
  /// Per worker: latest multiply-add rate, latest issue rate, and the best that two readings in a
  /// row confirmed.
  private let rates: UnsafeMutablePointer<Double>
  private let issued: UnsafeMutablePointer<Double>
  private let best: UnsafeMutablePointer<Double>
  private let begun = Atomic<Int>(0)
  private var body: WorkerPool.UnitBody?
  private let clock = MonotonicClock()
  public private(set) var spentNanoseconds: UInt64 = 0

  /// Reads for some 20 ms, so that a moment without neighbours is known.
  ///
  /// Where more threads run than `cpus`, only the calling thread is read, and the rate of as many
  /// as there are CPUs follows from it.
  public init(pool: WorkerPool, cpus: Int, peak: AdjacentPeak?) {
    self.pool = pool
    self.peak = peak
    issue = IssueProbe()
    workers = pool.count <= max(cpus, 1) ? pool.count : 1
    multiple = workers == 1 ? Double(min(pool.count, max(cpus, 1))) : 1
    rates = .allocate(capacity: workers)
    issued = .allocate(capacity: workers)
    best = .allocate(capacity: workers)
    for memory in [rates, issued, best] { memory.initialize(repeating: 0, count: workers) }
    body = { [unowned self] worker, _ in measure(worker) }
    for _ in 0..<Self.firstReadings { _ = read() }
  }

  private static let firstReadings = 100

  deinit {
    for memory in [rates, issued, best] { memory.deallocate() }
  }

  public func read() -> YardstickReading {
    guard let body else { return YardstickReading(multiplyAddRate: nil, issueShare: nil) }
    let begin = clock.monotonicNanoseconds()
    defer { spentNanoseconds += clock.monotonicNanoseconds() - begin }
    begun.store(0, ordering: .relaxed)
    pool.run(units: workers, body)
    var rate = 0.0
    var share = 1.0
    for worker in 0..<workers {
      rate += rates[worker]
      if best[worker] > 0 { share = min(share, issued[worker] / best[worker]) }
    }
    return YardstickReading(
      multiplyAddRate: peak == nil ? nil : rate * multiple,
      issueShare: issue == nil ? nil : share)
  }

  /// Waits until every worker has a unit, so that none takes two; not for ever, since a pool may
  /// have got fewer threads than it asked for.
  private func measure(_ worker: Int) {
    begun.add(1, ordering: .relaxed)
    var spins = 0
    while begun.load(ordering: .relaxed) < workers, spins < Self.mostSpins { spins += 1 }
    if let peak { rates[worker] = peak.measure() }
    guard let issue else { return }
    let before = issued[worker]
    issued[worker] = issue.measure()
    best[worker] = max(best[worker], min(before, issued[worker]))
  }

  private static let mostSpins = 1 << 20
}
