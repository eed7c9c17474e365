// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// The selection engine: pooled scores choose blocks, the tiled kernels attend to them.
///
/// `byBlock` attends every block with its own queries under the causal mask, then with the queries
/// that chose it, gathered while they are transposed; partial rows are merged by log-sum-exp.
/// `byQuery` visits, for strips of consecutive queries, the union of their blocks under lane masks.
final class PreparedSelectedSoftmax: PreparedAttention, @unchecked Sendable {
  private let stage: AttendSelected
  private let shape: AttentionShape
  private let context: ExecutionContext
  private let chooser: BlockChooser
  private let routes: BlockRoutes?
  private let pass: any SelectedPass
  private let board: CountBoard
  private var operands: AttendOperands?
  private var poolBody: WorkerPool.UnitBody?
  private var chooseBody: WorkerPool.UnitBody?
  private var routeBody: WorkerPool.UnitBody?
  private var attendBody: WorkerPool.UnitBody?
  private var mergeBody: WorkerPool.UnitBody?

  private(set) var counts = EngineCounts()

  init(_ stage: AttendSelected, shape: AttentionShape, context: ExecutionContext) {
    self.stage = stage
    self.shape = shape
    self.context = context
    board = CountBoard(workers: context.pool.count)
    chooser = BlockChooser(stage, shape: shape, context: context)
    switch stage.order {
    case .byBlock:
      let routes = BlockRoutes(stage, shape: shape)
      self.routes = routes
      pass = ByBlockPass(stage, shape: shape, context: context, routes: routes)
    case .byQuery:
      routes = nil
      pass = ByQueryPass(stage, shape: shape, context: context)
    }
    poolBody = { [unowned self] _, unit in
      if let operands { chooser.pool(unit: unit, key: operands.key) }
    }
    chooseBody = { [unowned self] worker, unit in
      guard let operands else { return }
      let sorted = chooser.choose(unit: unit, worker: worker, query: operands.query)
      board.add(worker: worker, elementsSorted: sorted, rowsGathered: 0)
    }
    routeBody = { [unowned self] _, head in routes?.collect(head: head, chooser: chooser) }
    attendBody = { [unowned self] worker, unit in
      if let operands {
        pass.attend(unit: unit, worker: worker, operands: operands, chooser: chooser, board: board)
      }
    }
    mergeBody = { [unowned self] _, unit in
      if let operands { pass.merge(unit: unit, operands: operands) }
    }
  }

  var workspaceBytes: Int { chooser.bytes + (routes?.bytes ?? 0) + pass.bytes }

  var selection: Selection? {
    Selection(
      rows: shape.queryLength, capacity: stage.topK,
      ids: Array(UnsafeBufferPointer(start: chooser.ids, count: chooser.idCount)))
  }

  var expectedCounts: EngineCounts? {
    selection.map {
      stage.expectedCounts(selection: $0, shape: shape, tile: context.kernels.tile)
    }
  }

  func run(_ inputs: AttentionInputs, into output: Tensor<Float>) {
    guard case .queryKeyValue(let query, let key, let value) = inputs,
      let poolBody, let chooseBody, let routeBody, let attendBody, let mergeBody
    else { preconditionFailure("block selection takes query, key and value") }
    board.reset()
    operands = AttendOperands(query: query, key: key, value: value, output: output)
    context.pool.run(units: chooser.poolUnits, poolBody)
    context.pool.run(units: chooser.chooseUnits, chooseBody)
    if routes != nil { context.pool.run(units: shape.batch * shape.queryHeads, routeBody) }
    context.pool.run(units: pass.attendUnits, attendBody)
    context.pool.run(units: pass.mergeUnits, mergeBody)
    counts = board.sum
  }
}

/// One execution order of attention to selected blocks.
protocol SelectedPass: AnyObject, Sendable {
  var bytes: Int { get }
  var attendUnits: Int { get }
  var mergeUnits: Int { get }
  func attend(
    unit: Int, worker: Int, operands: AttendOperands, chooser: BlockChooser, board: CountBoard)
  func merge(unit: Int, operands: AttendOperands)
}
