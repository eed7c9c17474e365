// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// What mechanisms on features and states share.
enum LinearTexts {
  static let state = "2 (queries + keys) headDim valueDim operations"

  /// All four patterns.
  static let everywhere = Set(AttentionPattern.allCases)
  static let noncausal: Set<AttentionPattern> = [.noncausalSelf, .noncausalCross]

  /// - Throws: ``MechanismError/outOfRange(parameter:value:rule:)`` below 0 or above 1.
  static func requireEpsilon(_ epsilon: Double) throws(MechanismError) {
    guard epsilon >= 0, epsilon <= 1 else {
      throw .outOfRange(
        parameter: "epsilon", value: "\(epsilon)", rule: "it must be in 0 ... 1")
    }
  }

  /// Taps of a convolution along an axis beyond any published one.
  private static let mostTaps = 1023

  /// - Throws: ``MechanismError/outOfRange(parameter:value:rule:)`` for even sizes, those below 1
  ///   and those above 1023.
  static func requireOdd(_ parameter: String, _ value: Int) throws(MechanismError) {
    guard (1...mostTaps).contains(value), value % 2 == 1 else {
      throw .outOfRange(
        parameter: parameter, value: "\(value)",
        rule: "it must be odd, so that kernels are centred, and from 1 to \(mostTaps)")
    }
  }
}

/// Which rows a feature map reads; weights of a side are named after it.
enum FeatureSide: String {
  case query, key
}

/// What oracles of linear attention share: weights of one head, and convolutions of values.
struct LinearReference {
  let shape: AttentionShape
  let problem: ReferenceProblem

  init(_ problem: ReferenceProblem) {
    self.problem = problem
    shape = problem.shape
  }

  /// Part `index` of a weight whose first axis is of heads, or of one for all, in Double.
  func part(_ name: String, _ index: Int) -> ArraySlice<Double> {
    let tensor = problem.weights[name]
    let size = tensor.count / tensor.extents[0]
    let values = (0..<size).map { Double(tensor[index % tensor.extents[0] * size + $0]) }
    return values[...]
  }

  /// The quadratic form, normalised, with a feature map per side; `head` counts the heads of the side.
  func attend(
    epsilon: Double, features: (_ rows: Rows, _ side: FeatureSide, _ head: Int) -> Rows
  ) -> ReferenceOutput {
    problem.mapHeads { head, _, queryHead in
      FeatureReference.attend(
        queryFeatures: features(head.query, .query, queryHead),
        keyFeatures: features(head.key, .key, queryHead / shape.headGroup),
        value: head.value, epsilon: epsilon, allows: allows)
    }
  }

  func allows(_ query: Int, _ key: Int) -> Bool {
    SoftmaxReference.allows(shape, query: query, key: key)
  }

  /// Coordinates of a token on the grid, or its place in the sequence.
  func coordinates(_ token: Int) -> [Int] {
    guard let grid = shape.grid, grid.rank > 1 else { return [token] }
    var rest = token
    var result: [Int] = []
    for extent in grid.values.reversed() {
      result.append(rest % extent)
      rest /= extent
    }
    return result.reversed()
  }

  /// `output` plus the depthwise convolution of `value` with `size` taps along each of the last two
  /// axes of the grid, or along the sequence.
  func adding(
    convolutionOf value: Rows, size: Int, to output: Rows, bias: [Double]? = nil,
    weight: (_ channel: Int, _ tap: Int) -> Double
  ) -> Rows {
    var result = output
    for token in 0..<output.count {
      let here = coordinates(token)
      for other in 0..<value.count {
        guard let tap = tap(from: here, to: coordinates(other), size: size) else { continue }
        for channel in 0..<value.width {
          result[token, channel] += weight(channel, tap) * value[other, channel]
        }
      }
      for channel in 0..<value.width { result[token, channel] += bias?[channel] ?? 0 }
    }
    return result
  }

  /// The place in the kernel of one token seen from another, nil outside of it.
  private func tap(from here: [Int], to there: [Int], size: Int) -> Int? {
    let half = size / 2
    let steps = zip(there, here).map { $0 - $1 }
    guard steps.dropLast(2).allSatisfy({ $0 == 0 }) else { return nil }
    let last = steps.suffix(2)
    guard last.allSatisfy({ abs($0) <= half }) else { return nil }
    return last.reduce(0) { $0 * size + $1 + half }
  }
}
