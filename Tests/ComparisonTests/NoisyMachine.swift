// SPDX-License-Identifier: MIT

import Comparison
import Foundation
import Statistics

/// A machine whose times drift, have heavy tails and are hit by bursts of other work.
struct NoisyMachine {
  /// Relative spread of the layouts of processes.
  var layout = 0.003
  /// Scale of the noise of a sample, Student's t with three degrees of freedom.
  var tail = 0.008
  /// Relative step of the clock's random walk from sample to sample.
  var drift = 0.01
  /// Chance that a quiet sample begins a burst, and that a burst goes on to the next sample.
  var burstBegin = 0.1
  var burstStay = 0.4
  /// Mean share by which a burst slows a sample down.
  var burstCost = 0.5
  /// Chance that a sample in a burst is marked, and that any other is.
  var markInBurst = 0.95
  var markOutside = 0.03

  private var generator: ResamplingGenerator

  init(seed: UInt64) { generator = ResamplingGenerator(seed: seed) }

  /// Pairs of `processes` processes whose true ratio is `ratio`.
  mutating func pairs(ratio: Double, processes: Int, count: Int = 8) -> [PairedTimes] {
    (0..<processes).map { _ in
      let level = ratio * exp(layout * normal())
      var walk = 0.0
      var isBurst = false
      var times: [[Double]] = [[], []]
      var marks: [[Int]] = [[], []]
      for place in 0..<count {
        // Turns are in random order, and the order decides who meets a burst first.
        let first = generator.index(below: 2)
        for side in [first, 1 - first] {
          walk += drift * normal()
          isBurst = uniform() < (isBurst ? burstStay : burstBegin)
          let cost = isBurst ? -log(1 - uniform()) * burstCost : 0
          let own = side == 0 ? level : 1
          times[side].append(5e6 * own * exp(walk + tail * heavy()) * (1 + cost))
          if uniform() < (isBurst ? markInBurst : markOutside) { marks[side].append(place) }
        }
      }
      return PairedTimes(
        numerators: times[0], denominators: times[1], disturbedNumerators: marks[0],
        disturbedDenominators: marks[1])
    }
  }

  /// What the rounds of a night say about a case of the true ratio `ratio`.
  mutating func verdict(ratio: Double, policy: ComparisonPolicy) -> ConfirmedTime? {
    var time: ConfirmedTime?
    for round in 0..<policy.rounds {
      let evidence = TimeEvidence.interleaved(pairs(ratio: ratio, processes: 5 << round))
      guard let judgement = TimeJudgement(evidence, policy: policy) else { return time }
      time?.add(judgement, policy: policy)
      let settled = time ?? ConfirmedTime(judgement, policy: policy)
      time = settled
      guard settled.needsAnotherRound(policy) else { break }
    }
    return time
  }

  private mutating func uniform() -> Double { Double(generator.next() >> 11) * 0x1p-53 }

  private mutating func normal() -> Double {
    (0..<12).reduce(-6.0) { sum, _ in sum + uniform() }
  }

  /// A value of Student's t with three degrees of freedom.
  private mutating func heavy() -> Double {
    let squares = (0..<3).reduce(0.0) { sum, _ in
      let value = normal()
      return sum + value * value
    }
    return normal() / (squares / 3).squareRoot()
  }
}
