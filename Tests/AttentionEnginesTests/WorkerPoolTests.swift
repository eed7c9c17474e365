// SPDX-License-Identifier: MIT

import AttentionEngines
import Synchronization
import Testing

@Suite struct WorkerPoolTests {
  /// How often each unit of a job ran.
  private final class Tally: Sendable {
    let counts: Mutex<[Int]>

    init(units: Int) {
      counts = Mutex([Int](repeating: 0, count: units))
    }
  }

  @Test(arguments: [1, 2, 5])
  func everyUnitRunsExactlyOnce(threads: Int) {
    let pool = WorkerPool(threads: threads, pins: false)
    for units in [0, 1, 2, 7, 1000] {
      let tally = Tally(units: units)
      pool.run(units: units) { worker, unit in
        tally.counts.withLock { $0[unit] += 1 }
        precondition(worker < threads)
      }
      #expect(tally.counts.withLock { $0.allSatisfy { $0 == 1 } })
    }
  }

  @Test func parkedWorkersWakeUp() async throws {
    let pool = WorkerPool(threads: 3, pins: false)
    for _ in 0..<3 {
      let tally = Tally(units: 64)
      pool.run(units: 64) { _, unit in tally.counts.withLock { $0[unit] += 1 } }
      #expect(tally.counts.withLock { $0.reduce(0, +) } == 64)
      // Longer than workers spin before they park.
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  @Test func manyShortJobsFollowEachOther() {
    let pool = WorkerPool(threads: 2, pins: false)
    let total = Atomic<Int>(0)
    for _ in 0..<2000 {
      pool.run(units: 3) { _, unit in _ = unit }
      total.add(1, ordering: .relaxed)
    }
    #expect(total.load(ordering: .relaxed) == 2000)
  }

  @Test func aTableIsAvailableOnEveryMachine() {
    #expect(KernelTable.available.first?.instructionSet == .scalar)
    #expect(KernelTable.available.allSatisfy { (1...32).contains($0.tile.lanes) })
  }
}
