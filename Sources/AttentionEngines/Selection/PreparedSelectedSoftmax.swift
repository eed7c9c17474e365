// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// The selection engine: cheap scores choose blocks, the tiled kernels attend to them.
///
/// `byBlock` attends every block with the queries that chose it, gathered while they are
/// transposed; partial rows are merged by log-sum-exp. `byQuery` visits, for strips of queries, the
/// union of their blocks under lane masks.
final class PreparedSelectedSoftmax: PreparedAttention, @unchecked Sendable {
  private let stage: AttendSelected
  private let shape: AttentionShape
  private let setting: SelectionSetting
  private let chooser: any BlockChooser
  private let pass: any SelectedPass
  private let phases: [WorkerPool.Job]
  private let selectionPhases: [WorkerPool.Job]

  private(set) var counts = EngineCounts()

  init(
    _ stage: AttendSelected, shape: AttentionShape, weights: WeightSet, context: ExecutionContext
  ) {
    self.stage = stage
    self.shape = shape
    let geometry = SelectionGeometry(stage, shape: shape)
    var orders: HeadOrders?
    if case .axisOrders = stage.scoring { orders = HeadOrders(shape: shape) }
    var setting = SelectionSetting(
      geometry: geometry, lists: SelectionLists(stage, shape: shape, geometry: geometry),
      source: KeyValueSource(shape: shape, geometry: geometry, orders: orders),
      current: CurrentOperands(), board: CountBoard(workers: context.pool.count),
      weights: weights, context: context, orders: orders)
    if let below = stage.leftOutBelow {
      setting.filter = ScoreFilter(
        below: below, shape: shape, geometry: geometry, lanes: context.kernels.tile.lanes)
    }
    if case .pyramid = stage.scoring {
      setting.pyramid = KeyPyramid(shape: shape, geometry: geometry, context: context)
    }
    self.setting = setting
    switch stage.scoring {
    case .product(let product):
      chooser = ProductChooser(stage, product: product, shape: shape, setting: setting)
    case .tree(let search):
      chooser = TreeChooser(stage, search: search, shape: shape, setting: setting)
    case .compressed(let scores):
      chooser = CompressedChooser(stage, scores: scores, shape: shape, setting: setting)
    case .sortedSegments(let pattern):
      chooser = SegmentChooser(pattern, shape: shape, setting: setting)
    case .proxyHeads(let pattern):
      chooser = ProxyChooser(stage, pattern: pattern, shape: shape, setting: setting)
    case .lowBitEstimate(let pattern):
      chooser = EstimateChooser(stage, pattern: pattern, shape: shape, setting: setting)
    case .verticalSlash(let pattern):
      chooser = VerticalSlashChooser(pattern, shape: shape, setting: setting)
    case .pyramid(let search):
      chooser = PyramidChooser(stage, search: search, shape: shape, setting: setting)
    case .chunks(let search):
      chooser = ChunkChooser(search, shape: shape, setting: setting)
    case .axisOrders(let search):
      chooser = AxisOrderChooser(stage, search: search, shape: shape, setting: setting)
    }
    switch stage.order {
    case .byBlock where stage.scoresWeighBlocks && WeighedBlockPass.takes(shape, setting):
      pass = WeighedBlockPass(stage, shape: shape, setting: setting)
    case .byBlock where stage.scoresWeighBlocks:
      pass = WeighedChunkPass(stage, shape: shape, setting: setting)
    case .byBlock where stage.mergesInChunks(geometry):
      pass = ByChunkPass(stage, shape: shape, setting: setting)
    case .byBlock:
      precondition(stage.merging == .logSumExp, "blocks weigh by scores that lists keep")
      pass = ByBlockPass(shape: shape, setting: setting)
    case .byRow: pass = ByRowPass(shape: shape, setting: setting)
    case .byQuery: pass = ByQueryPass(stage, shape: shape, setting: setting)
    }
    let copying = setting.source.phases(setting.current)
    // Orders of a head's own are known once it has chosen.
    let levels = setting.pyramid.map { [$0.phase(setting.source, setting.current)] } ?? []
    selectionPhases =
      (orders == nil ? copying + chooser.phases : chooser.phases + copying) + levels
    phases = selectionPhases + pass.phases
  }

  var workspaceBytes: Int {
    setting.lists.bytes + setting.source.bytes + chooser.bytes + pass.bytes
      + (setting.pyramid?.bytes ?? 0) + (setting.orders?.bytes ?? 0)
      + (setting.filter?.bytes ?? 0)
  }

  var selection: Selection? {
    setting.lists.selection(orders: setting.orders, leftOut: setting.filter?.leftOut)
  }

  var expectedCounts: EngineCounts? {
    stage.expectedCounts(
      selection: setting.lists.selection(orders: nil, leftOut: setting.filter?.leftOut),
      shape: shape,
      tile: setting.context.kernels.tile(of: Plan(shape: shape, stages: [.attendSelected(stage)])))
  }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    run(phases, inputs, output)
  }

  func select(_ inputs: AttentionInputs, into output: Tensor<Float>) -> Bool {
    run(selectionPhases, inputs, output)
    return true
  }

  private func run(
    _ phases: [WorkerPool.Job], _ inputs: AttentionInputs, _ output: Tensor<Float>
  ) {
    guard case .queryKeyValue(let query, let key, let value) = inputs else {
      preconditionFailure("block selection takes query, key and value")
    }
    setting.board.reset()
    setting.current.value = AttendOperands(query: query, key: key, value: value, output: output)
    setting.context.pool.run(phases)
    counts = setting.board.sum
    if setting.filter != nil { counts.pairsLeftOut = setting.board.pairsLeftOut }
  }
}

/// One execution order of attention to selected blocks.
protocol SelectedPass: AnyObject, Sendable {
  var bytes: Int { get }
  /// In the order in which they must run.
  var phases: [WorkerPool.Job] { get }
}
