// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference
import RealModule
import ResultStore

/// What a selection kept of dense softmax attention, in Double on sampled rows.
struct SelectionQuality {
  let record: SelectionRecord

  /// Multiply-adds in Double that one judgement may cost.
  private static let affordableWork = 60_000_000

  init(
    _ stage: AttendSelected, selection: Selection, inputs: AttentionInputs, shape: AttentionShape
  ) {
    let geometry = SelectionGeometry(stage, shape: shape)
    let problem = ReferenceProblem(shape: shape, inputs: inputs)
    let heads = shape.batch * shape.queryHeads
    let perRow = heads * shape.keyLength * shape.headDim
    let count = min(shape.queryLength, max(Self.affordableWork / perRow, 8))
    let places = DenseAccuracy.evenRows(count, of: shape.queryLength)
    var sum = 0.0
    var worst = 1.0
    for index in 0..<heads {
      let head = problem.head(
        batch: index / shape.queryHeads, queryHead: index % shape.queryHeads)
      for place in places {
        guard let row = geometry.rowsCovering(place..<place + 1).first else { continue }
        let keys = stage.keys(of: selection, head: index, row: row, place: place, geometry)
        let query = stage.token(at: place, of: selection, head: index, geometry)
        let kept = Self.mass(head, query: query, keys: keys, shape: shape)
        sum += kept
        worst = min(worst, kept)
      }
    }
    let pairs = stage.attendedPairs(of: selection, shape: shape)
    let dense = heads * MaskRule.sequence.attendedPairs(shape: shape)
    record = SelectionRecord(
      selectionShare: Double(pairs) / Double(dense),
      attentionMassKept: sum / Double(heads * places.count), worstRowMassKept: worst,
      rows: places.count)
  }

  /// The share of one row's dense weights on `keys`; 1 where the row sees nothing.
  private static func mass(
    _ head: ReferenceHead, query: Int, keys: [Int], shape: AttentionShape
  ) -> Double {
    let visible = shape.visibleKeys(query: query)
    guard visible > 0 else { return 1 }
    let scores = (0..<visible).map { shape.softmaxScale * head.query.dot(query, head.key, $0) }
    let top = scores.max() ?? 0
    let weights = scores.map { Double.exp($0 - top) }
    return keys.reduce(0) { $0 + weights[$1] } / weights.reduce(0, +)
  }
}
