// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// What statistics found, where feature maps look for it.
final class StatisticStore: @unchecked Sendable {
  /// Queries or keys: scales and shifts by channel, factors and mapped rows by token, for every head.
  final class Side: @unchecked Sendable {
    let length: Int
    let padded: Int
    /// Whether the statistic leaves mapped rows behind.
    let isMapped: Bool
    private let scales, shifts, factors, rows: Tensor<Float>

    init(heads: Int, length: Int, width: Int, hasFactors: Bool, isMapped: Bool) {
      self.length = length
      self.isMapped = isMapped
      padded = Int(attn_row_padded(Int32(width)))
      scales = Tensor([heads, padded])
      shifts = Tensor([heads, padded])
      factors = Tensor(hasFactors ? [heads, length] : [0])
      rows = Tensor(isMapped ? [heads, length, padded] : [0])
      scales.elements.update(repeating: 1)
      shifts.elements.update(repeating: 0)
    }

    func scale(_ head: Int) -> UnsafeMutablePointer<Float> { scales.base + head * padded }
    func shift(_ head: Int) -> UnsafeMutablePointer<Float> { shifts.base + head * padded }
    func factor(_ head: Int) -> UnsafeMutablePointer<Float> { factors.base + head * length }

    /// What the first step of the map makes of a head, `padded` floats per row.
    func rows(_ head: Int) -> UnsafeMutablePointer<Float> { rows.base + head * length * padded }

    var bytes: Int {
      scales.byteCount + shifts.byteCount + factors.byteCount + rows.byteCount
    }
  }

  let queries, keys: Side
  /// Whether keys are weighed a chunk ahead of their products.
  let weighsKeys: Bool
  /// Whether features are made beside the products, from first to last.
  private let makesRows: Bool

  init(_ stage: FeatureAttention, shape: AttentionShape) {
    makesRows = stage.causalFlow(shape: shape) != nil
    weighsKeys = stage.statistic == .similarityToMeanQuery
    let hasFactors = stage.statistic?.hasFactors == true && !makesRows
    queries = Side(
      heads: shape.batch * shape.queryHeads, length: shape.queryLength, width: shape.headDim,
      hasFactors: hasFactors, isMapped: stage.statistic?.mapsQueries == true && !makesRows)
    keys = Side(
      heads: stage.stateHeads(shape: shape), length: shape.keyLength, width: shape.headDim,
      hasFactors: hasFactors, isMapped: stage.statistic?.mapsKeys == true && !makesRows)
  }

  var bytes: Int { queries.bytes + keys.bytes }

  /// The steps that are left to do with the rows of queries that there are.
  func rest(ofQueries map: FeatureSteps) -> FeatureSteps {
    rest(of: map, isBegun: queries.isMapped)
  }

  /// The same for keys, which are weighed by what the first step makes of them.
  func rest(ofKeys map: FeatureSteps) -> FeatureSteps {
    rest(of: map, isBegun: keys.isMapped || weighsKeys)
  }

  private func rest(of map: FeatureSteps, isBegun: Bool) -> FeatureSteps {
    if makesRows { return FeatureSteps([]) }
    return isBegun ? FeatureSteps(Array(map.steps.dropFirst())) : map
  }
}

extension Statistic {
  /// Whether it gives every token a factor.
  var hasFactors: Bool {
    switch self {
    case .similarityToMeanQuery, .flow: true
    case .sampledKeyMaxima, .sampledKeyMean, .logNormal, .largestNorms: false
    }
  }

  /// Whether it leaves rows of queries as the first step of their map makes them to the steps that follow.
  ///
  /// That takes their way through memory instead of a second map.
  var mapsQueries: Bool {
    switch self {
    case .similarityToMeanQuery, .flow: true
    case .sampledKeyMaxima, .sampledKeyMean, .logNormal, .largestNorms: false
    }
  }

  /// The same for keys.
  var mapsKeys: Bool {
    if case .flow = self { true } else { false }
  }
}
