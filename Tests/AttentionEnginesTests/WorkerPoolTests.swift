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

  @Test func aWorkerTakesItsOwnShareInOrderAndThenHalfOfTheRichest() {
    let shares = UnitShares(workers: 3)
    shares.deal(12)
    #expect((0..<4).map { _ in shares.take(worker: 0) } == [0, 1, 2, 3])
    #expect(shares.take(worker: 1) == 4)
    // The third worker still has 8 to 11, the second one 5 to 7.
    #expect((0..<2).map { _ in shares.take(worker: 0) } == [10, 11])
    #expect((0..<2).map { _ in shares.take(worker: 0) } == [6, 7])
    #expect((0..<3).map { _ in shares.take(worker: 2) } == [8, 9, 5])
    for worker in 0..<3 { #expect(shares.take(worker: worker) == nil) }
  }

  @Test func fewUnitsReachWhoeverIsThere() {
    let shares = UnitShares(workers: 4)
    shares.deal(2)
    #expect(Set((0..<2).compactMap { _ in shares.take(worker: 3) }) == [0, 1])
    #expect(shares.take(worker: 0) == nil)
  }

  @Test func unevenUnitsRunOnceHoweverTheyAreTaken() {
    let pool = WorkerPool(threads: 4, pins: false)
    for round in 0..<200 {
      let tally = Tally(units: 97)
      pool.run(units: 97) { _, unit in
        // Some shares are a hundred times as long as others.
        for _ in 0..<(unit < 24 ? 100 * (round % 5) : 1) { _ = tally.counts.withLock { $0[unit] } }
        tally.counts.withLock { $0[unit] += 1 }
      }
      #expect(tally.counts.withLock { $0.allSatisfy { $0 == 1 } })
    }
  }

  @Test func aTableIsAvailableOnEveryMachine() {
    #expect(KernelTable.available.first?.instructionSet == .scalar)
    #expect(KernelTable.available.allSatisfy { (1...32).contains($0.tile.lanes) })
  }
}
