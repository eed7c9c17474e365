// SPDX-License-Identifier: MIT

import AttentionEngines
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
    let peak = try #require(AdjacentPeak.best(duration: .microseconds(20)))
    let pool = WorkerPool(threads: 2, pins: false)
    let yardstick = PoolYardstick(pool: pool, cpus: 2, peak: peak)
    let reading = yardstick.read()
    let rate = try #require(reading.multiplyAddRate)
    // One to a thousand multiply-adds per nanosecond and worker.
    #expect((2e9...4e12).contains(rate))
    #expect(yardstick.spentNanoseconds > 0)
    if let share = reading.issueShare { #expect(share > 0 && share < 2) }
  }

  @Test func moreThreadsThanProcessorsAreReadOnOne() throws {
    let pool = WorkerPool(threads: 3, pins: false)
    let yardstick = PoolYardstick(
      pool: pool, cpus: 1, peak: AdjacentPeak.best(duration: .microseconds(20)))
    #expect(yardstick.read().multiplyAddRate ?? 0 > 0)
  }
}
