// SPDX-License-Identifier: MIT

import Synchronization

/// The units of a job by worker, balanced by work stealing: each has a share of neighbouring units and
/// takes them in order, then steals the second half of what the richest other one has left.
///
/// Neighbours read the same keys, which a worker then finds in its own cache, and it knows what it will
/// take next. Nothing locks; a worker that looks between the two halves of a theft may end early, and
/// the thief goes on alone.
package final class UnitShares: @unchecked Sendable {
  /// What is left of a share, as the bits of an atomic: the next unit above, the end below.
  private struct Left {
    let next, end: UInt32

    init(next: UInt32, end: UInt32) {
      self.next = next
      self.end = end
    }

    init(bits: UInt64) {
      self.init(next: UInt32(bits >> 32), end: UInt32(truncatingIfNeeded: bits))
    }

    var bits: UInt64 { UInt64(next) << 32 | UInt64(end) }
    var count: UInt32 { end - next }
  }

  /// Keeps two workers off one pair of cache lines.
  private static let stride = 16
  private let workers: Int
  private let shares: UnsafeMutablePointer<Atomic<UInt64>>

  package init(workers: Int) {
    self.workers = workers
    shares = .allocate(capacity: workers * Self.stride)
    for index in 0..<workers * Self.stride { (shares + index).initialize(to: Atomic(0)) }
  }

  deinit {
    shares.deinitialize(count: workers * Self.stride)
    shares.deallocate()
  }

  /// Deals `units` units out, at most 2^32 - 1; no worker is at work.
  package func deal(_ units: Int) {
    for worker in 0..<workers {
      let left = Left(
        next: UInt32(units * worker / workers), end: UInt32(units * (worker + 1) / workers))
      share(worker).pointee.store(left.bits, ordering: .relaxed)
    }
  }

  /// The next unit of a worker, or nil once all are taken.
  package func take(worker: Int) -> Int? {
    while true {
      let bits = share(worker).pointee.load(ordering: .relaxed)
      let left = Left(bits: bits)
      guard left.count > 0 else {
        guard steal(for: worker) else { return nil }
        continue
      }
      if replace(worker, bits, by: Left(next: left.next + 1, end: left.end)) {
        return Int(left.next)
      }
    }
  }

  /// Moves half of the largest share left to a worker without any; false where nothing is left.
  private func steal(for worker: Int) -> Bool {
    while true {
      var (richest, bits) = (worker, UInt64(0))
      for other in 0..<workers where other != worker {
        let seen = share(other).pointee.load(ordering: .relaxed)
        if Left(bits: seen).count > Left(bits: bits).count { (richest, bits) = (other, seen) }
      }
      let left = Left(bits: bits)
      guard left.count > 0 else { return false }
      let middle = left.end - (left.count + 1) / 2
      guard replace(richest, bits, by: Left(next: left.next, end: middle)) else { continue }
      share(worker).pointee.store(
        Left(next: middle, end: left.end).bits, ordering: .relaxed)
      return true
    }
  }

  private func share(_ worker: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
    shares + worker * Self.stride
  }

  /// A unit is left in one share only and never comes back, so that equal bits mean that nobody was here.
  private func replace(_ worker: Int, _ bits: UInt64, by left: Left) -> Bool {
    share(worker).pointee.compareExchange(
      expected: bits, desired: left.bits, ordering: .relaxed
    ).exchanged
  }
}
