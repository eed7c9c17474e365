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
  private let phases: [SelectionPhase]

  private(set) var counts = EngineCounts()

  init(
    _ stage: AttendSelected, shape: AttentionShape, weights: WeightSet, context: ExecutionContext
  ) {
    self.stage = stage
    self.shape = shape
    let geometry = SelectionGeometry(stage, shape: shape)
    let setting = SelectionSetting(
      geometry: geometry, lists: SelectionLists(stage, shape: shape, geometry: geometry),
      source: KeyValueSource(shape: shape, geometry: geometry), current: CurrentOperands(),
      board: CountBoard(workers: context.pool.count), weights: weights, context: context)
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
    }
    switch stage.order {
    case .byBlock:
      pass =
        stage.mergesInChunks(geometry)
        ? ByChunkPass(stage, shape: shape, setting: setting)
        : ByBlockPass(stage.merging, shape: shape, setting: setting)
    case .byRow: pass = ByRowPass(shape: shape, setting: setting)
    case .byQuery: pass = ByQueryPass(stage, shape: shape, setting: setting)
    }
    phases = setting.source.phases(setting.current) + chooser.phases + pass.phases
  }

  var workspaceBytes: Int {
    setting.lists.bytes + setting.source.bytes + chooser.bytes + pass.bytes
  }

  var selection: Selection? { setting.lists.selection }

  var expectedCounts: EngineCounts? {
    stage.expectedCounts(
      selection: setting.lists.selection, shape: shape,
      tile: setting.context.kernels.tile(of: Plan(shape: shape, stages: [.attendSelected(stage)])))
  }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .queryKeyValue(let query, let key, let value) = inputs else {
      preconditionFailure("block selection takes query, key and value")
    }
    setting.board.reset()
    setting.current.value = AttendOperands(query: query, key: key, value: value, output: output)
    for phase in phases { setting.context.pool.run(units: phase.units, phase.body) }
    counts = setting.board.sum
  }
}

/// One execution order of attention to selected blocks.
protocol SelectedPass: AnyObject, Sendable {
  var bytes: Int { get }
  /// In the order in which they must run.
  var phases: [SelectionPhase] { get }
}
