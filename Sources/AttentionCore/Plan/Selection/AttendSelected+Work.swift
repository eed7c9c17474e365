// SPDX-License-Identifier: MIT

extension AttendSelected {
  /// Pooling, scoring, the rule and attention, each by itself.
  ///
  /// Where pairs depend on the data and no selection is known, the fewest possible are counted, so
  /// that floors hold whatever the data.
  func work(shape: AttentionShape) -> [StageWork] {
    let geometry = SelectionGeometry(self, shape: shape)
    let stages =
      [reordering(shape, geometry)] + scoring(shape, geometry)
      + precision.preparation(shape: shape) + [attending(shape, geometry), merging(shape)]
    return stages.filter { $0.operations != OperationCounts() || $0.bytesMoved > 0 }
  }

  private func reordering(_ shape: AttentionShape, _ geometry: SelectionGeometry) -> StageWork {
    let bytes = TensorBytes(shape)
    let isReordered: Bool
    if case .axisOrders = scoring {
      isReordered = true
    } else {
      isReordered = geometry.order != nil
    }
    let moved = isReordered ? bytes.key + bytes.value : 0
    return StageWork(
      name: "reorder keys and values", operations: OperationCounts(), bytesRead: moved,
      bytesWritten: moved, parallelUnits: shape.batch * shape.keyValueHeads * shape.keyLength)
  }

  private func scoring(_ shape: AttentionShape, _ geometry: SelectionGeometry) -> [StageWork] {
    switch scoring {
    case .product(let product):
      [
        poolingQueries(product, shape, geometry), poolingKeys(product, shape, geometry),
        products(product, shape, geometry), choosing(shape, geometry),
      ]
    case .compressed(let scores): [compressed(scores, shape), choosing(shape, geometry)]
    case .sortedSegments(let pattern):
      [
        lastRows(queries: pattern.blockSize, shape), meanScores(pattern, shape, geometry),
        choosing(shape, geometry),
      ]
    case .proxyHeads(let pattern):
      [proxyRows(pattern, shape, geometry), choosing(shape, geometry)]
    case .lowBitEstimate: estimates(shape, geometry)
    case .tree(let search): [treeSearch(search, shape, geometry)]
    case .verticalSlash(let pattern):
      [lastRows(queries: pattern.lastQueries, shape), choosing(shape, geometry)]
    case .pyramid(let search):
      [
        poolingLevels(shape), sampledRows(search, shape, geometry), choosing(shape, geometry),
      ]
    case .chunks: [chunkScores(shape, geometry), choosing(shape, geometry)]
    case .axisOrders: [axisRows(shape, geometry), choosing(shape, geometry)]
    }
  }

  private func poolingQueries(
    _ product: FeatureProduct, _ shape: AttentionShape, _ geometry: SelectionGeometry
  ) -> StageWork {
    let heads = shape.batch * shape.queryHeads
    var operations = OperationCounts()
    if poolsQueries(product) {
      for row in 0..<geometry.rowCount {
        let count = geometry.queries(row: row).count
        operations =
          operations
          + product.query.operations(count: count, headDim: shape.headDim).times(heads)
      }
    }
    let isPooled = operations != OperationCounts()
    return StageWork(
      name: "pool queries", operations: operations,
      bytesRead: isPooled ? TensorBytes(shape).query : 0,
      bytesWritten: isPooled
        ? 4 * heads * geometry.rowCount * product.query.width(headDim: shape.headDim) : 0,
      parallelUnits: heads * geometry.rowCount)
  }

  private func poolingKeys(
    _ product: FeatureProduct, _ shape: AttentionShape, _ geometry: SelectionGeometry
  ) -> StageWork {
    let heads = shape.batch * keyFeatureHeads(product, shape: shape)
    var operations = OperationCounts()
    for block in 0..<geometry.blockCount {
      let count = geometry.keys(block: block).count
      operations =
        operations + product.key.operations(count: count, headDim: shape.headDim).times(heads)
    }
    return StageWork(
      name: "pool keys", operations: operations, bytesRead: TensorBytes(shape).key,
      bytesWritten: 4 * heads * geometry.blockCount * product.key.width(headDim: shape.headDim),
      parallelUnits: heads * geometry.blockCount)
  }

  private func products(
    _ product: FeatureProduct, _ shape: AttentionShape, _ geometry: SelectionGeometry
  ) -> StageWork {
    let heads = shape.batch * shape.queryHeads
    let lists = heads / headsPerList(shape: shape)
    let scored = scoredBlocks(shape: shape)
    var operations = OperationCounts([
      .float32: 2 * heads * scored * product.key.width(headDim: shape.headDim)
    ])
    switch product.form {
    case .raw: break
    case .softmax: operations[.exponential] = lists * scored
    case .minMax: operations[.elementwise] = 2 * lists * scored
    }
    return StageWork(
      name: "score blocks", operations: operations,
      bytesRead: poolsQueries(product) ? 0 : TensorBytes(shape).query, bytesWritten: 0,
      parallelUnits: lists * geometry.rowCount)
  }

  private func treeSearch(
    _ search: TreeSearch, _ shape: AttentionShape, _ geometry: SelectionGeometry
  ) -> StageWork {
    let heads = shape.batch * shape.queryHeads
    var products = 0
    for row in 0..<geometry.rowCount {
      let places = geometry.forcedBlocks(row: row, forced)
      let rounds = search.rounds(places.near.lowerBound - places.first.upperBound)
      let asked = Array(search.sampled(geometry.queries(row: row))).count
      // A node of one block is not halved: at least as many are scored as are kept.
      products += rounds * search.kept * asked * geometry.keys(block: 0).count
    }
    return StageWork(
      name: "search blocks",
      operations: OperationCounts([
        .float32: 2 * heads * products * shape.headDim,
        .compare: heads * scoredBlocks(shape: shape),
      ]),
      bytesRead: TensorBytes(shape).query / 2, bytesWritten: 4 * heads * geometry.rowCount,
      parallelUnits: heads * geometry.rowCount)
  }

  private func compressed(_ scores: CompressedScores, _ shape: AttentionShape) -> StageWork {
    let heads = shape.batch * shape.queryHeads
    let pairs = heads * scores.compression.pairs(shape: shape)
    // Pooled keys are those of the branch that attends to them, priced there.
    return StageWork(
      name: "score blocks",
      operations: OperationCounts([
        .float32: 2 * pairs * shape.headDim, .exponential: pairs, .elementwise: 2 * pairs,
      ]),
      bytesRead: TensorBytes(shape).query, bytesWritten: 0,
      parallelUnits: heads * shape.queryLength)
  }

  private func estimates(_ shape: AttentionShape, _ geometry: SelectionGeometry) -> [StageWork] {
    let heads = shape.batch * shape.queryHeads
    let bytes = TensorBytes(shape)
    let estimates =
      realisedEstimates
      ?? heads * scoredBlocks(shape: shape) * geometry.keys(block: 0).count
    var exact = 0
    for row in 0..<geometry.rowCount where candidates(row: row, geometry) > 0 {
      let places = geometry.forcedBlocks(row: row, forced)
      exact += (Array(places.first) + Array(places.near)).reduce(0) { sum, block in
        let keys = geometry.keys(block: block)
        return sum
          + geometry.queries(row: row).reduce(0) {
            $0 + max(min(keys.upperBound, geometry.visibleKeys(place: $1)) - keys.lowerBound, 0)
          }
      }
    }
    return [
      StageWork(
        name: "quantise keys and queries",
        operations: OperationCounts([.elementwise: 3 * (bytes.query + bytes.key) / 4]),
        bytesRead: bytes.query + bytes.key, bytesWritten: bytes.key / 8,
        parallelUnits: heads * shape.queryLength),
      StageWork(
        name: "score sink and neighbourhood",
        operations: OperationCounts([
          .float32: 2 * heads * exact * shape.headDim, .exponential: heads * exact,
        ]),
        bytesRead: 0, bytesWritten: 0, parallelUnits: heads * geometry.rowCount),
      // How many estimates a block needs before one is large depends on the data: one row of keys
      // at least, and all where none is.
      StageWork(
        name: "estimate blocks",
        operations: OperationCounts([
          .int4: 2 * estimates * shape.headDim, .compare: estimates,
        ]),
        bytesRead: 0, bytesWritten: 4 * heads * geometry.rowCount,
        parallelUnits: heads * geometry.rowCount),
    ]
  }

  private func meanScores(
    _ pattern: SortedSegments, _ shape: AttentionShape, _ geometry: SelectionGeometry
  ) -> StageWork {
    let heads = shape.batch * shape.queryHeads
    let sorted = shape.keyLength / pattern.segment * pattern.segment
    let scored = scoredBlocks(shape: shape) - sorted
    return StageWork(
      name: "pool and score blocks",
      operations: OperationCounts([
        .elementwise: heads * (shape.queryLength + sorted) * shape.headDim,
        .float32: 2 * heads * scored * shape.headDim, .exponential: heads * scored,
      ]),
      bytesRead: TensorBytes(shape).query, bytesWritten: 0,
      parallelUnits: heads * geometry.rowCount)
  }

  private func proxyRows(
    _ pattern: ProxyHeads, _ shape: AttentionShape, _ geometry: SelectionGeometry
  ) -> StageWork {
    let heads = shape.batch * shape.queryHeads
    let visible = { (queries: [Int]) in queries.reduce(0) { $0 + geometry.visibleKeys(place: $1) } }
    let asked = (0..<geometry.rowCount).reduce(0) {
      $0 + visible(pattern.sampled(geometry.queries(row: $1)))
    }
    let last = visible(Array(geometry.queries(row: geometry.rowCount - 1)))
    let pairs = heads / pattern.headsPerProxy * asked + heads * last
    let bytes = TensorBytes(shape)
    return StageWork(
      name: "attend with proxy heads",
      operations: OperationCounts([
        .float32: 2 * pairs * shape.headDim, .exponential: pairs,
        .elementwise: 2 * heads * shape.queryLength * shape.headDim + pairs,
      ]),
      bytesRead: bytes.query + bytes.key, bytesWritten: 0,
      parallelUnits: heads / pattern.headsPerProxy * geometry.rowCount)
  }

  private func lastRows(queries: Int, _ shape: AttentionShape) -> StageWork {
    let heads = shape.batch * shape.queryHeads
    let first = max(shape.queryLength - queries, 0)
    let pairs = (first..<shape.queryLength).reduce(0) { $0 + shape.visibleKeys(query: $1) }
    return StageWork(
      name: "attend with the last queries",
      operations: OperationCounts([
        .float32: 2 * heads * pairs * shape.headDim, .exponential: heads * pairs,
        .elementwise: 3 * heads * pairs,
      ]),
      bytesRead: TensorBytes(shape).key, bytesWritten: 0,
      parallelUnits: heads * min(queries, shape.queryLength))
  }

  private func choosing(
    _ shape: AttentionShape, _ geometry: SelectionGeometry
  ) -> StageWork {
    let lists = shape.batch * shape.queryHeads / headsPerList(shape: shape)
    return StageWork(
      name: "choose blocks",
      operations: OperationCounts([.compare: lists * scoredBlocks(shape: shape)]), bytesRead: 0,
      bytesWritten: 4 * lists * geometry.rowCount, parallelUnits: lists * geometry.rowCount)
  }

  private func attending(_ shape: AttentionShape, _ geometry: SelectionGeometry) -> StageWork {
    let heads = shape.batch * shape.queryHeads
    let bytes = TensorBytes(shape)
    let pairs = realisedPairs ?? heads * pairBounds(shape: shape).lowerBound
    var operations = OperationCounts([.exponential: pairs])
    operations[precision.scoreClass] += 2 * pairs * shape.headDim
    operations[precision.valueClass] += 2 * valuePairs(of: pairs, shape) * shape.valueDim
    let prepared = precision.preparedBytes(bytes)
    return StageWork(
      name: "attend", operations: operations,
      // Only where every query sees its own block is every key sure to be read.
      bytesRead: bytes.query
        + (forced.own && shape.isSelfAttention ? prepared.key + prepared.value : 0),
      bytesWritten: bytes.output,
      narrowBytes: forced.own && shape.isSelfAttention ? prepared.narrow : 0,
      parallelUnits: heads * ((shape.queryLength + 31) / 32))
  }

  /// Pairs whose values are added; before a run, of a filter, one per query at least.
  private func valuePairs(of pairs: Int, _ shape: AttentionShape) -> Int {
    guard leftOutBelow != nil else { return pairs }
    if let realisedLeftOut { return pairs - realisedLeftOut }
    return min(pairs, shape.batch * shape.queryHeads * shape.queryLength)
  }

  private func merging(_ shape: AttentionShape) -> StageWork {
    let heads = shape.batch * shape.queryHeads
    let rows = order == .byBlock ? heads * routedRows(shape: shape) : 0
    return StageWork(
      name: "merge by log-sum-exp",
      operations: OperationCounts([.elementwise: 2 * rows * shape.valueDim, .exponential: rows]),
      bytesRead: 4 * rows * (shape.valueDim + 1), bytesWritten: 0,
      parallelUnits: heads * shape.queryLength)
  }

  /// Whether row units of several queries, or a projection, need features of their own.
  public func poolsQueries(_ product: FeatureProduct) -> Bool {
    rows != .queries(1) || product.query.projection != nil
  }

  /// Heads of one batch entry that have key features of their own.
  ///
  /// Features that look at queries, or gates of query heads, differ among the heads of a group.
  public func keyFeatureHeads(_ product: FeatureProduct, shape: AttentionShape) -> Int {
    product.key.statistics.contains(.attention) ? shape.queryHeads : shape.keyValueHeads
  }
}

extension OperationCounts {
  func times(_ factor: Int) -> OperationCounts {
    OperationCounts(counts.mapValues { $0 * factor })
  }
}
