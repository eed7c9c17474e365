// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Relative biases laid out as kernels read them: a row of one term per lane for every key of a
/// run.
///
/// Runs whose lanes and keys lie alike share their rows. Where strips hold consecutive tokens of a
/// one-dimensional grid, a row is a window of one table of offsets, and nothing is laid out at all.
final class RelativeBiasTables: @unchecked Sendable {
  /// Where the rows of each run of the schedule lie.
  let rows: UnsafePointer<attn_bias_rows_t>
  private let runCount: Int
  private let terms: UnsafeMutablePointer<Float>
  /// Terms of one head.
  private let count: Int
  private let heads: Int

  /// - Requires: `weight` is `[queryHeads, offsets]` as ``RelativeBias`` says.
  init(_ bias: RelativeBias, schedule: TileSchedule, weight: Tensor<Float>) {
    let layout =
      bias.grid.rank == 1 && schedule.holdsConsecutiveQueries
      ? BiasLayout(sliding: bias, schedule) : BiasLayout(bias, schedule)
    runCount = layout.rows.count
    let rows = UnsafeMutablePointer<attn_bias_rows_t>.allocate(capacity: max(runCount, 1))
    rows.initialize(from: layout.rows, count: runCount)
    self.rows = UnsafePointer(rows)
    count = layout.terms.count
    heads = weight.extents[0]
    terms = .allocate(capacity: max(heads * count, 1))
    let offsets = bias.extents.count
    for head in 0..<heads {
      for (index, term) in layout.terms.enumerated() {
        // Kernels work with powers of two.
        let value = term < 0 ? 0 : Double(weight[head * offsets + Int(term)])
        (terms + head * count + index).initialize(to: Float(value * 1.442_695_040_888_963_4))
      }
    }
  }

  deinit {
    rows.deallocate()
    terms.deallocate()
  }

  var bytes: Int { 8 * runCount + 4 * heads * count }

  /// The terms of a query head of one batch element.
  func table(head: Int) -> UnsafePointer<Float> { UnsafePointer(terms + head * count) }
}

/// Which term stands where, the same for all heads.
private struct BiasLayout {
  var rows: [attn_bias_rows_t] = []
  /// Index of the weight's term, or -1 for none.
  var terms: [Int32] = []

  /// Rows of terms by key and lane.
  init(_ bias: RelativeBias, _ schedule: TileSchedule) {
    let lanes = schedule.tile.lanes
    var known: [[Int32]: Int32] = [:]
    for strip in schedule.strips {
      let queries = schedule.queries[strip.queries].map { bias.position(query: Int($0)) }
      for run in schedule.runs[strip.runs] {
        var block: [Int32] = []
        block.reserveCapacity(Int(run.count) * lanes)
        for index in 0..<run.count {
          let key = bias.position(key: Int(run.firstKey + index * run.step))
          for lane in 0..<lanes {
            guard lane < queries.count, let key, let query = queries[lane] else {
              block.append(-1)
              continue
            }
            block.append(Int32(bias.term(query: query, key: key)))
          }
        }
        let first = known[block] ?? Int32(terms.count)
        if first == terms.count {
          known[block] = first
          terms += block
        }
        rows.append(attn_bias_rows_t(first: first, step: Int32(lanes)))
      }
    }
  }

  /// Windows of one table: place `p` holds the term of offset `origin - p`.
  init(sliding bias: RelativeBias, _ schedule: TileSchedule) {
    let keys = schedule.keyLength
    let lastQuery = (schedule.queries.max().map { Int($0) } ?? 0) + schedule.tile.lanes
    // Lanes before the first key, which see nothing, read terms too.
    let origin = keys + schedule.tile.lanes
    let places = 0..<origin + max(lastQuery + bias.queryOffset, 0) + 1
    terms = places.map { Int32(bias.term(query: [0], key: [origin - $0])) }
    for strip in schedule.strips {
      let query = Int(schedule.queries[strip.queries.lowerBound]) + bias.queryOffset
      for run in schedule.runs[strip.runs] {
        rows.append(
          attn_bias_rows_t(
            first: Int32(query - Int(run.firstKey) + origin), step: -run.step))
      }
    }
  }
}

extension TileSchedule {
  /// Whether the lanes of every strip are neighbouring tokens in ascending order.
  fileprivate var holdsConsecutiveQueries: Bool {
    strips.allSatisfy { strip in
      let first = queries[strip.queries.lowerBound]
      return strip.queries.allSatisfy {
        queries[$0] == first + Int32($0 - strip.queries.lowerBound)
      }
    }
  }
}
