// SPDX-License-Identifier: MIT

import CAttentionKernels
import Glibc
import Synchronization

/// Pinned threads that share the units of one job at a time.
///
/// Every worker has a share of neighbouring units and then takes from those of others, so uneven
/// units balance, see ``UnitShares``; which worker runs a unit never changes its result. Between
/// jobs workers spin briefly and then park. The calling thread is worker 0. Handing out a job
/// allocates nothing.
public final class WorkerPool: @unchecked Sendable {
  /// Runs unit `unit` on worker `worker`; scratch is chosen by worker.
  public typealias UnitBody = @Sendable (_ worker: Int, _ unit: Int) -> Void

  /// Units that may run at the same time.
  struct Job: Sendable {
    let units: Int
    let body: UnitBody

    init(units: Int, body: @escaping UnitBody) {
      self.units = units
      self.body = body
    }
  }

  public let count: Int
  private let state: PoolState
  private var threads: [pthread_t] = []

  /// Starts `threads - 1` helpers; with `pins` every worker, the caller included, keeps to one CPU.
  ///
  /// - Requires: `threads` is at least 1.
  public init(threads count: Int, pins: Bool = true) {
    precondition(count >= 1, "a pool has at least one worker")
    self.count = count
    state = PoolState(workers: count)
    if pins && count > 1 { attn_pin_thread(0) }
    for worker in 1..<max(count, 1) {
      let start = Unmanaged.passRetained(WorkerStart(state: state, worker: worker, pins: pins))
      var thread = pthread_t()
      let code = pthread_create(
        &thread, nil,
        { argument in
          guard let argument else { return nil }
          Unmanaged<WorkerStart>.fromOpaque(argument).takeRetainedValue().loop()
          return nil
        }, start.toOpaque())
      guard code == 0 else {
        start.release()
        break
      }
      threads.append(thread)
    }
  }

  deinit {
    state.publish(units: 0, helpers: 0, body: nil)
    for thread in threads {
      pthread_join(thread, nil)
    }
  }

  /// Calls `body` once for every unit in `0 ..< units` and returns when all are done.
  ///
  /// - Requires: one job at a time; `body` does not call the pool.
  public func run(units: Int, _ body: @escaping UnitBody) {
    guard !threads.isEmpty, units > 1 else {
      for unit in 0..<max(units, 0) { body(0, unit) }
      return
    }
    state.publish(units: units, helpers: threads.count, body: body)
    state.work(worker: 0, body)
    state.awaitHelpers()
  }

  /// Runs jobs one after another; each sees all that those before it wrote.
  func run(_ jobs: [Job]) {
    for job in jobs { run(units: job.units, job.body) }
  }
}

/// What the calling thread and its helpers share.
private final class PoolState: @unchecked Sendable {
  private let generation = Atomic<Int>(0)
  private let busyHelpers = Atomic<Int>(0)
  private let parked = Atomic<Int>(0)
  private let shares: UnitShares
  private var body: WorkerPool.UnitBody?
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init(workers: Int) {
    shares = UnitShares(workers: workers)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  func publish(units: Int, helpers: Int, body: WorkerPool.UnitBody?) {
    self.body = body
    shares.deal(units)
    busyHelpers.store(helpers, ordering: .relaxed)
    generation.add(1, ordering: .sequentiallyConsistent)
    guard parked.load(ordering: .sequentiallyConsistent) > 0 else { return }
    pthread_mutex_lock(mutex)
    pthread_cond_broadcast(condition)
    pthread_mutex_unlock(mutex)
  }

  func work(worker: Int, _ body: WorkerPool.UnitBody) {
    while let unit = shares.take(worker: worker) { body(worker, unit) }
  }

  func awaitHelpers() {
    var spins = 0
    while busyHelpers.load(ordering: .acquiring) > 0 {
      attn_pause()
      spins += 1
      // On an oversubscribed machine a helper may need this core to finish.
      if spins & 0xFFF == 0 { sched_yield() }
    }
  }

  /// Runs jobs until the pool publishes one without a body.
  func serve(worker: Int) {
    var seen = 0
    while true {
      seen = awaitGeneration(after: seen)
      guard let body else { return }
      work(worker: worker, body)
      busyHelpers.subtract(1, ordering: .releasing)
    }
  }

  private func awaitGeneration(after seen: Int) -> Int {
    for _ in 0..<20_000 {
      let now = generation.load(ordering: .acquiring)
      if now != seen { return now }
      attn_pause()
    }
    pthread_mutex_lock(mutex)
    parked.add(1, ordering: .sequentiallyConsistent)
    while generation.load(ordering: .sequentiallyConsistent) == seen {
      pthread_cond_wait(condition, mutex)
    }
    parked.subtract(1, ordering: .sequentiallyConsistent)
    pthread_mutex_unlock(mutex)
    return generation.load(ordering: .acquiring)
  }
}

private final class WorkerStart {
  private let state: PoolState
  private let worker: Int
  private let pins: Bool

  init(state: PoolState, worker: Int, pins: Bool) {
    self.state = state
    self.worker = worker
    self.pins = pins
  }

  func loop() {
    if pins { attn_pin_thread(Int32(worker)) }
    state.serve(worker: worker)
  }
}
