// SPDX-License-Identifier: MIT

import RealModule

/// A split of a segment with its scaled energy distance.
struct EnergySplit: Hashable {
  /// Index of the first value of the right side, in the series.
  let index: Int
  /// The statistic `Q` of the source of ``EDivisive``.
  let statistic: Double
}

/// The search for the split of one segment whose sides differ most.
///
/// The right side may end before the segment does, as in equation 7 of arXiv:1306.4933: a short
/// excursion is not diluted by what comes after it.
struct EnergySearch {
  private let begin: Int
  private let count: Int
  private let minimumSegment: Int
  /// `sums[i * (count + 1) + j]` is the sum of distances between the first i and the first j values.
  private let sums: [Double]

  init(values: ArraySlice<Double>, minimumSegment: Int, exponent: Double) {
    begin = values.startIndex
    count = values.count
    self.minimumSegment = minimumSegment
    guard count >= 2 * minimumSegment else {
      sums = []
      return
    }
    let width = count + 1
    var sums = [Double](repeating: 0, count: width * width)
    for row in 0..<count {
      var rowSum = 0.0
      for column in 0..<count {
        let distance = abs(values[begin + row] - values[begin + column])
        rowSum += exponent == 1 || distance == 0 ? distance : Double.pow(distance, exponent)
        sums[(row + 1) * width + column + 1] = sums[row * width + column + 1] + rowSum
      }
    }
    self.sums = sums
  }

  /// The strongest split, the first of equals; nil if the segment is too short.
  func strongest() -> EnergySplit? {
    guard count >= 2 * minimumSegment else { return nil }
    var best: EnergySplit?
    for middle in minimumSegment...(count - minimumSegment) {
      for end in (middle + minimumSegment)...count {
        let statistic = statistic(middle: middle, end: end)
        if statistic > best?.statistic ?? -.infinity {
          best = EnergySplit(index: begin + middle, statistic: statistic)
        }
      }
    }
    return best
  }

  /// `n m / (n + m)` times the energy distance of the values before `middle` and from there to `end`.
  private func statistic(middle: Int, end: Int) -> Double {
    let left = Double(middle)
    let right = Double(end - middle)
    let all = sum(end, end)
    // Each pair within a side is in the sums twice, and so is the binomial coefficient's half.
    let withinLeft = sum(middle, middle) / (left * (left - 1))
    let between = sum(middle, end) - sum(middle, middle)
    let insideRight = all - sum(middle, middle) - 2 * between
    let withinRight = insideRight / (right * (right - 1))
    return left * right / (left + right)
      * (2 * between / (left * right) - withinLeft - withinRight)
  }

  private func sum(_ rows: Int, _ columns: Int) -> Double { sums[rows * (count + 1) + columns] }
}
