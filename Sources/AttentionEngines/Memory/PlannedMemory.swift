// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Memory of an engine that grows with the problem, from its plan, before any of it is taken.
///
/// Scratch of a few rows per worker is left out, and so are tile schedules.
public struct PlannedMemory {
  private let shape: AttentionShape
  private let context: ExecutionContext
  /// What the engine keeps from run to run [byte].
  public private(set) var bytes = 0

  public init(_ plan: Plan, context: ExecutionContext) {
    shape = plan.shape
    self.context = context
    bytes = plan.stages.reduce(0) { $0 + bytes(of: $1) }
  }

  private var workers: Int { context.pool.count }
  private var queryHeads: Int { shape.batch * shape.queryHeads }
  private var keyHeads: Int { shape.batch * shape.keyValueHeads }
  private var outputs: Int { 4 * Extents(shape.outputExtents).count }
  private var keysAndValues: Int {
    4 * (Extents(shape.keyExtents).count + Extents(shape.valueExtents).count)
  }

  private func bytes(of stage: Stage) -> Int {
    switch stage {
    case .explicitScores(let stage):
      4 * (stage.queryBlock(shape: shape) * (shape.keyLength + 1) + 2 * shape.keyLength) * workers
    case .attend(let stage): attending(stage)
    case .attendSelected(let stage): selecting(stage)
    case .gatedBranches(let stage): branches(stage)
    case .decode(let stage): decoding(stage)
    case .scan(let stage): scanning(stage)
    case .features(let stage): mapping(stage)
    case .lowRank(let stage): landmarks(stage)
    case .convolve(let stage): convolving(stage)
    case .mixTokens(let stage): mixing(stage)
    }
  }

  // MARK: - Softmax

  /// Copies of keys and values in the precision of the products, with their scales.
  private func attending(_ stage: Attend) -> Int {
    if let plan = stage.quantisation {
      return QuantisedHeads.bytes(plan: plan, shape: shape, kernels: context.kernels.quantised)
    }
    let work = Stage.attend(stage).work(shape: shape)
    let copies = work.filter { $0.name != "attend" && $0.narrowBytes > 0 }
      .reduce(0) { $0 + $1.bytesWritten }
    if case .patterns(let heads) = stage.rule, let choice = heads.choice, choice.frequentCount > 0 {
      return choosing(choice, candidates: heads.candidates.count)
    }
    guard case .int8 = stage.precision else { return copies }
    // Scale and sum of each key, scale of each query.
    return copies + 8 * keyHeads * shape.keyLength + 4 * queryHeads * shape.queryLength
  }

  /// Frequent keys of every head with their values, and sums of weights by key and candidate.
  private func choosing(_ choice: HeadChoice, candidates: Int) -> Int {
    let rows = choice.frequentCount * (shape.headDim + shape.valueDim + 1)
    return 4 * queryHeads * (rows + shape.keyLength)
      + workers * (8 * (candidates + 1) * shape.keyLength + 20 * choice.frequentCount)
  }

  private func decoding(_ stage: Decode) -> Int {
    let partial =
      4 * queryHeads * shape.queryLength * stage.rangeCount(keys: shape.keyLength)
      * (shape.valueDim + 2)
    return partial + keyHeads
      * stage.keyValuePrecision.cacheBytes(keys: shape.keyLength, shape: shape)
  }

  // MARK: - States

  /// A row of `width` floats as the scan kernels hold it.
  private func stateBytes(features: Int, marks: Int = 0) -> Int {
    var plan = attn_scan_plan_t()
    plan.feature_dim = Int32(features)
    plan.input_dim = Int32(shape.headDim)
    plan.value_dim = Int32(shape.valueDim)
    plan.normalised = 1
    return 4 * (attn_scan_state_floats(&plan) + marks)
  }

  /// A state per worker, or one per key range and head.
  private func states(heads: Int) -> Int {
    shape.isCausal ? workers : heads * ScanSplit(shape: shape).keyRanges
  }

  private func scanning(_ stage: Scan) -> Int {
    ScanSplit(shape: shape).stateCount(
      ScanPieces(stage, shape: shape), shape: shape, workers: workers)
      * stateBytes(features: stage.featureMap.featureDim(headDim: shape.headDim))
      + workers * stage.owedBytes(shape: shape)
  }

  private func mapping(_ stage: FeatureAttention) -> Int {
    let features = stage.featureDim(shape: shape)
    let heads = stage.stateHeads(shape: shape)
    let vector = RowPrograms.stride(max(features, shape.valueDim))
    let state = stateBytes(features: features, marks: vector + FlowShares.conserved)
    var bytes = states(heads: heads) * state
    // Blocks of features per worker.
    let chunk = FeatureScratch.longestChunk(isCausal: shape.isCausal)
    bytes += 4 * workers * (2 * chunk + 3 * Int(ATTN_ROW_BLOCK)) * min(vector, 1 << 10)
    if let statistic = stage.statistic, statistic.hasFactors,
      stage.causalFlow(shape: shape) == nil
    {
      let row = Int(attn_row_padded(Int32(shape.headDim)))
      let (queries, keys) = (queryHeads * shape.queryLength, heads * shape.keyLength)
      bytes += 4 * (1 + (statistic.mapsQueries ? row : 0)) * queries
      bytes += 4 * (1 + (statistic.mapsKeys ? row : 0)) * keys
    }
    return bytes
  }

  // MARK: - Landmarks and transforms

  private func landmarks(_ stage: LowRank) -> Int {
    let count = stage.landmarks(shape: shape)
    let scratch = 5 * count * count + min(count, 64) * (shape.keyLength + 1) + 2 * shape.keyLength
    return 4
      * (workers * scratch + queryHeads * count * (shape.headDim + shape.valueDim + 1))
  }

  private func convolving(_ stage: LongConvolution) -> Int {
    let blocks = LongConvolution.blocks(shape: shape)
    let turns = ToeplitzBlocks.turnBytes(blocks)
    switch stage {
    case .gated:
      let heads = PreparedGatedConvolution.heads(shape, workers: workers)
      return turns + LongConvolution.filterBytes(shape: shape)
        + 4 * heads * ToeplitzBlocks.tokenFloats(blocks, columns: shape.valueDim)
        + 4 * workers * ToeplitzBlocks.spectraFloats(blocks)
    case .relativeFeatures(let features):
      return turns + shape.queryHeads * ToeplitzFilters.bytes(blocks, isShared: true)
        + 4 * workers * PreparedRelativeFeatures.scratchFloats(blocks)
        + 4 * queryHeads * blocks.tokens * (2 * features + 1)
    }
  }

  private func mixing(_ stage: TokenMix) -> Int {
    let length = shape.queryLength
    let pairs = (shape.channels + 1) / 2
    switch stage {
    case .fourier2D:
      // Folded columns of one batch element, then half of its spectrum.
      let columns = EvenColumns(length: length, channels: shape.channels)
      let rows = EvenRows(length: length, channels: shape.channels, stride: columns.halfStride)
      return ColumnStore.bytes(pairs: columns.pairs, length: length) + rows.halfBytes
    default:
      return ColumnStore.bytes(pairs: pairs, length: length)
        + shape.batch * (8 * length + 8 * shape.queryHeads * (length / 2 + 1))
    }
  }

  // MARK: - Selections

  private func selecting(_ stage: AttendSelected) -> Int {
    let geometry = SelectionGeometry(stage, shape: shape)
    var bytes = 4 * stage.listElements(shape: shape)
    if stage.leftOutBelow != nil {
      bytes += 4 * ScoreFilter.words(shape: shape, geometry, lanes: context.kernels.tile.lanes)
    }
    if stage.order == .byBlock {
      let rows = queryHeads * shape.queryLength
      if stage.mergesInChunks(geometry) {
        let heads = stage.headsPerStrip(shape: shape, lanes: context.kernels.tile.lanes)
        bytes += workers * ChunkRouter.bytes(stage, geometry, heads: heads)
        // What rows weigh until they are divided.
        bytes += stage.scoresWeighBlocks ? 0 : 8 * rows
      } else {
        let ranks = max(stage.capacity(geometry) - 1, 0)
        bytes += 4 * rows * (ranks * (shape.valueDim + 1) + 2)
      }
    }
    var isReordered = geometry.order != nil
    if case .axisOrders = stage.scoring { isReordered = true }
    if isReordered { bytes += keysAndValues }
    return bytes + scoring(stage, geometry)
  }

  private func scoring(_ stage: AttendSelected, _ geometry: SelectionGeometry) -> Int {
    let map = geometry.rowCount * geometry.blockCount
    switch stage.scoring {
    case .product(let product):
      let lists = queryHeads / stage.headsPerList(shape: shape)
      let isPerQueryHead = product.key.statistics == [.attention]
      var features =
        (isPerQueryHead ? queryHeads : keyHeads) * geometry.blockCount
        * product.key.width(headDim: shape.headDim)
      if stage.poolsQueries(product) {
        features += queryHeads * geometry.rowCount * product.query.width(headDim: shape.headDim)
      }
      return 4 * (features + (stage.rule.scope == .row ? 0 : lists * map))
    case .proxyHeads(let pattern):
      let proxies = queryHeads / pattern.headsPerProxy
      return 4 * proxies * ((shape.queryLength + shape.keyLength) * shape.headDim + map)
    case .lowBitEstimate:
      return keyHeads * (geometry.blockCount * 32 * shape.headDim + 8 * shape.keyLength)
        + 4 * queryHeads * shape.keyLength
    case .pyramid:
      let means = (geometry.blockStarts.last ?? 0) - shape.keyLength
      return 4 * keyHeads * means * (shape.headDim + shape.valueDim)
    case .axisOrders:
      let orders = AxisOrderSearch.orders(rank: shape.grid?.rank ?? 1).count
      return 4 * queryHeads * orders * map
    case .compressed(let scores):
      return 4 * keyHeads * scores.compression.count(keys: shape.keyLength) * shape.headDim
    case .chunks:
      return 4 * (keyHeads + queryHeads) * geometry.blockCount * shape.headDim
    case .sortedSegments(let pattern):
      return 4 * queryHeads
        * (shape.keyLength + shape.keyLength / pattern.blockSize * shape.headDim)
    case .tree, .verticalSlash:
      return 0
    }
  }

  private func branches(_ stage: GatedBranches) -> Int {
    let pooled = stage.compression.count(keys: shape.keyLength)
    return 2 * outputs + selecting(stage.selection)
      + 4 * keyHeads * pooled * (shape.headDim + shape.valueDim)
  }
}
