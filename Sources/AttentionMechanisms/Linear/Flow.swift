// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule

/// Linear attention that conserves flows: sources compete, sinks are allocated to.
///
/// With sigmoid features, sinks take in `I_i = (q_i + e) . (sum_j k_j + e)` and sources give out
/// `O_j = (k_j + e) . (sum_i q_i + e)`. With every source's output, or every sink's intake, set to 1,
/// `I'_i = (q_i + e) . (sum_j k_j / O_j + e)` and `O'_j = (k_j + e) . (sum_i q_i / I_i + e)`, cut to
/// -1 ... 1. Then `o_i = sigmoid(I'_i n / m) q_i / I_i sum_j k_j (m softmax_j(O') v_j)`, `n` queries and
/// `m` keys. With causality every sum runs to the token at hand and is scaled by their number.
///
/// One head does `2 (queryLength + keyLength) headDim valueDim` operations and three more passes.
///
/// Source: Wu et al., *Flowformer: Linearizing Transformers with Conservation Flows* (2022),
/// arXiv:2202.06258, equations 4 to 8; epsilons and the cut as in the authors' code.
public struct Flow: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var epsilon = 1e-6

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("epsilon", \.epsilon, "Added to both factors of every flow.")
    ]
  }

  public static let card = MechanismCard(
    id: "flow", title: "Flow-Attention", family: .linear,
    origin: Citation(
      "Flowformer: Linearizing Transformers with Conservation Flows", arXiv: "2202.06258",
      year: 2022),
    summary: "Conserved flows weigh keys by competition and queries by allocation.",
    patterns: [.noncausalSelf, .noncausalCross, .causalSelf], exactness: .approximate,
    laws: [.headEquivariant, .causal],
    cost: LinearTexts.state + ", 4 passes over queries and keys")

  public let parameters: Parameters
  private let shape: AttentionShape

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    try LinearTexts.requireEpsilon(parameters.epsilon)
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan {
    let steps: [RowOperation] = [.activate(.sigmoid), .statisticFactor]
    let stage = FeatureAttention(
      queryMap: steps, keyMap: steps, statistic: .flow(epsilon: parameters.epsilon),
      normalizer: .none)
    return Plan(shape: shape, stages: [.features(stage)])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, _, _ in
      let query = head.query.map(RowReference.sigmoid)
      let key = head.key.map(RowReference.sigmoid)
      guard shape.isCausal else {
        let flows = Flows(query: query, key: key, epsilon: parameters.epsilon)
        return flows.output(query: query, key: key, value: head.value)
      }
      return causal(query, key, head.value)
    }
  }

  /// Every sum from the start: cubic, but as the equations stand.
  private func causal(_ query: Rows, _ key: Rows, _ value: Rows) -> Rows {
    let epsilon = parameters.epsilon
    let count = query.count
    let dot = { (rows: Rows, row: Int, sums: [Double]) -> Double in
      zip(rows[row], sums).reduce(0) { $0 + ($1.0 + epsilon) * ($1.1 + epsilon) }
    }
    let prefix = { (rows: Rows, end: Int, factor: (Int) -> Double) -> [Double] in
      (0..<rows.width).map { channel in
        (0...end).reduce(0) { $0 + rows[$1, channel] * factor($1) }
      }
    }
    let intake = (0..<count).map { dot(query, $0, prefix(key, $0) { _ in 1 }) }
    let outflow = (0..<count).map { dot(key, $0, prefix(query, $0) { _ in 1 }) }
    let places = (0..<count).map { Double($0 + 1) }
    let allocation = (0..<count).map { place in
      RowReference.sigmoid(
        dot(query, place, prefix(key, place) { places[$0] / outflow[$0] }) / places[place])
    }
    let power = (0..<count).map { place in
      let flow =
        dot(key, place, prefix(query, place) { places[$0] / intake[$0] }) / places[place]
      return Double.exp(min(max(flow, -1), 1))
    }
    var output = Rows(count: count, width: value.width)
    for place in 0..<count {
      for other in 0...place {
        let competition = power[other] / power[0...other].reduce(0, +) * places[other]
        output.add(
          query.dot(place, key, other) * competition, value, other, to: place)
      }
      output.scale(row: place, by: allocation[place] / intake[place])
    }
    return output
  }
}

/// The flows of one head without causality.
private struct Flows {
  private let intake, allocation, competition: [Double]

  init(query: Rows, key: Rows, epsilon: Double) {
    let dots = { (rows: Rows, sums: [Double]) in
      (0..<rows.count).map { row in
        zip(rows[row], sums).reduce(0) { $0 + ($1.0 + epsilon) * ($1.1 + epsilon) }
      }
    }
    let sums = { (rows: Rows, weights: [Double]) in
      (0..<rows.width).map { channel in
        (0..<rows.count).reduce(0) { $0 + rows[$1, channel] * weights[$1] }
      }
    }
    let ratio = Double(query.count) / Double(key.count)
    intake = dots(query, sums(key, Array(repeating: 1, count: key.count)))
    let outflow = dots(key, sums(query, Array(repeating: 1, count: query.count)))
    allocation = dots(query, sums(key, outflow.map { 1 / $0 })).map {
      RowReference.sigmoid($0 * ratio)
    }
    let conserved = dots(key, sums(query, intake.map { 1 / $0 }))
    competition = RowReference.softmax(conserved.map { min(max($0, -1), 1) }).map {
      $0 * Double(key.count)
    }
  }

  func output(query: Rows, key: Rows, value: Rows) -> Rows {
    var output = Rows(count: query.count, width: value.width)
    for row in 0..<query.count {
      for other in 0..<key.count {
        output.add(query.dot(row, key, other) * competition[other], value, other, to: row)
      }
      output.scale(row: row, by: allocation[row] / intake[row])
    }
    return output
  }
}
