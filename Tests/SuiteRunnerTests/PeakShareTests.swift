// SPDX-License-Identifier: MIT

import AttentionEngines
import Foundation
import Measurement
import SuiteRunner
import Testing

struct PeakShareTests {
  private func sample(_ nanoseconds: Double, peak: Double?, issue: Double? = 1) -> TimedSample {
    TimedSample(
      round: 0, position: 0, calls: 1, nanosecondsPerCall: nanoseconds,
      threadCPUNanosecondsPerCall: nanoseconds, disturbance: Undisturbed().read(),
      yardstick: YardstickReading(multiplyAddRate: peak, issueShare: issue))
  }

  @Test func everySampleIsJudgedByThePeakBesideIt() throws {
    // The clock halves in the middle: times double, and so do peaks shrink.
    let samples =
      (0..<4).map { _ in sample(1000, peak: 1e9) } + (0..<4).map { _ in sample(2000, peak: 5e8) }
    let share = try #require(PeakShare(samples, products: 800))
    #expect(abs(share.share - 0.8) < 1e-12)
    #expect(share.count == 8)
  }

  @Test func samplesOnASharedCoreAreLeftOut() throws {
    let shared = (0..<20).map { _ in sample(1500, peak: 1e9, issue: 0.8) }
    let own = (0..<PeakShare.fewest).map { _ in sample(1000, peak: 1e9) }
    let share = try #require(PeakShare(shared + own, products: 900))
    #expect(abs(share.share - 0.9) < 1e-12 && share.count == PeakShare.fewest)
    // Too few of them say nothing.
    let all = try #require(PeakShare(shared + own.dropLast(), products: 900))
    #expect(abs(all.share - 0.6) < 1e-12 && all.count == shared.count + own.count - 1)
  }

  @Test func withoutAPeakThereIsNoShare() {
    #expect(PeakShare([sample(1000, peak: nil)], products: 800) == nil)
  }

  @Test func aPoolIsReadWithAllItsWorkers() throws {
    let peak = try steadyPeak()
    let yardstick = PoolYardstick(pool: WorkerPool(threads: 2, pins: false), cpus: 2, peak: peak)
    let reading = yardstick.read()
    #expect(reading.multiplyAddRate == 2 * peak.measure())
    #expect(yardstick.spentNanoseconds > 0)
    if let share = reading.issueShare { #expect(share > 0 && share < 2) }
  }

  @Test func theRateOfAPoolIsInOperationsPerSecond() throws {
    let peak = try #require(AdjacentPeak.best(duration: .microseconds(20)))
    let yardstick = PoolYardstick(pool: WorkerPool(threads: 2, pins: false), cpus: 2, peak: peak)
    // The best of many: other work keeps some of them down.
    let rate = try #require((0..<100).compactMap { _ in yardstick.read().multiplyAddRate }.max())
    // One to a thousand multiply-adds per nanosecond and worker.
    #expect((2e9...4e12).contains(rate))
  }

  @Test func moreThreadsThanProcessorsAreReadOnOne() throws {
    let peak = try steadyPeak()
    for cpus in [1, 2] {
      let pool = WorkerPool(threads: 3, pins: false)
      let yardstick = PoolYardstick(pool: pool, cpus: cpus, peak: peak)
      #expect(yardstick.read().multiplyAddRate == Double(cpus) * peak.measure())
    }
  }

  /// A peak that is the same on every thread at any time, however loaded the machine is.
  private func steadyPeak() throws -> AdjacentPeak {
    let best = try #require(AdjacentPeak.best(duration: .microseconds(20)))
    return try AdjacentPeak(
      instructions: best.instructions, duration: .microseconds(2), clock: ThreadTicks())
  }
}

/// A clock of every thread that moves by a microsecond when it is read.
private struct ThreadTicks: TimeSource {
  func monotonicNanoseconds() -> UInt64 { threadCPUNanoseconds() }

  func threadCPUNanoseconds() -> UInt64 {
    let own = Thread.current.threadDictionary
    let now = (own["ticks"] as? UInt64 ?? 0) + 1000
    own["ticks"] = now
    return now
  }
}
