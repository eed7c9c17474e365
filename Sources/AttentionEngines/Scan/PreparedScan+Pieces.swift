// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// A long causal head in pieces whose states are summed apart from each other, see ``ScanPieces``.
extension PreparedScan {
  func makeJobs(_ pieces: ScanPieces, heads: Int) -> [WorkerPool.Job] {
    let find = WorkerPool.Job(units: isExponential ? heads * pieces.maximumCount : 0) {
      [unowned self] in findMaximum(pieces, worker: $0, unit: $1)
    }
    return (isExponential ? [find] : []) + [
      WorkerPool.Job(units: heads * (pieces.count - 1)) { [unowned self] in
        sum(pieces, worker: $0, unit: $1)
      },
      WorkerPool.Job(units: heads) { [unowned self] in carry(pieces, head: $1) },
      WorkerPool.Job(units: heads * pieces.pairCount) { [unowned self] in
        scan(pieces, worker: $0, unit: $1)
      },
    ]
  }

  private func findMaximum(_ pieces: ScanPieces, worker: Int, unit: Int) {
    let (head, index) = unit.quotientAndRemainder(dividingBy: pieces.maximumCount)
    guard let rows = rows(queryHead: head) else { return }
    var (operands, work) = (rows, attn_scan_counts_t())
    let keys = pieces.maximumKeys(index, keyLength: shape.keyLength)
    maxima?[unit] = context.kernels.scan.key_maximum(
      plans.plan(head: head), &operands, Int32(keys.lowerBound), Int32(keys.count),
      scratch[worker], &work)
    count(work, worker: worker)
  }

  /// Rows of a head whose largest projection is known.
  private func measuredRows(_ pieces: ScanPieces, head: Int) -> attn_scan_rows_t? {
    guard var rows = rows(queryHead: head) else { return nil }
    guard let maxima else { return rows }
    rows.key_maximum = -.infinity
    for index in 0..<pieces.maximumCount {
      rows.key_maximum = max(rows.key_maximum, maxima[head * pieces.maximumCount + index])
    }
    return rows
  }

  /// What one piece of keys adds up to by itself.
  private func sum(_ pieces: ScanPieces, worker: Int, unit: Int) {
    let (head, piece) = unit.quotientAndRemainder(dividingBy: pieces.count - 1)
    guard var rows = measuredRows(pieces, head: head) else { return }
    let plan = plans.plan(head: head)
    let state = state(head * pieces.count + piece)
    let keys = pieces.keys(piece)
    var work = attn_scan_counts_t()
    context.kernels.scan.reset(plan, state)
    context.kernels.scan.accumulate(
      plan, &rows, Int32(keys.lowerBound), Int32(keys.count), state, scratch[worker], &work)
    count(work, worker: worker)
  }

  private func carry(_ pieces: ScanPieces, head: Int) {
    let plan = plans.plan(head: head)
    let first = head * pieces.count
    context.kernels.scan.reset(plan, state(first + pieces.count - 1))
    pieces.carry(
      state(first), stride: states.stride / MemoryLayout<Float>.stride,
      size: attn_scan_running_offset(plan))
  }

  private func scan(_ pieces: ScanPieces, worker: Int, unit: Int) {
    let (head, index) = unit.quotientAndRemainder(dividingBy: pieces.pairCount)
    guard var rows = measuredRows(pieces, head: head) else { return }
    let kernels = context.kernels.scan
    let plan = plans.plan(head: head)
    let tokens = pieces.tokens
    let pairs = pieces.pairs(index)
    let state = state(head * pieces.count + pieces.prefixCount + index)
    var work = attn_scan_counts_t()
    var written = pairs.count
    if index == 0 {
      rows.o.update(repeating: 0, count: tokens.blindQueries * shape.valueDim)
      written += tokens.blindQueries
    }
    rows.align(query: tokens.blindQueries, key: tokens.prefixKeys)
    kernels.scan(
      plan, &rows, Int32(pairs.lowerBound), Int32(pairs.count), state, scratch[worker], &work)
    if index == pieces.pairCount - 1 {
      kernels.output(
        plan, &rows, Int32(tokens.pairs), Int32(tokens.lateQueries), state, scratch[worker], &work)
      written += tokens.lateQueries
    }
    count(work, worker: worker)
    board.add(worker: worker, bytesRead: 0, bytesWritten: 4 * written * shape.valueDim)
  }
}
