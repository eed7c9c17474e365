// SPDX-License-Identifier: MIT

import AttentionCore

/// Relative biases laid out as the kernel of short windows reads them: a row of terms per query.
///
/// Windows whose queries and keys lie alike share their rows.
final class WindowBiasTables: @unchecked Sendable {
  /// Index of the first term of each window.
  private let firsts: [Int]
  /// Keys of each window.
  private let strides: [Int]
  private let terms: UnsafeMutablePointer<Float>
  /// Terms of one head.
  private let count: Int
  private let heads: Int

  /// - Requires: `weight` is `[queryHeads, offsets]` as ``RelativeBias`` says.
  init(
    _ bias: RelativeBias, windows: ShortWindows, schedule: TileSchedule, weight: Tensor<Float>
  ) {
    var known: [[Int32]: Int] = [:]
    var layout: [Int32] = []
    firsts = windows.windows.map { window in
      let block = windows.block(window, bias, schedule)
      let first = known[block] ?? layout.count
      if first == layout.count {
        known[block] = first
        layout += block
      }
      return first
    }
    strides = windows.windows.map(\.keys.count)
    count = layout.count
    heads = weight.extents[0]
    terms = .allocate(capacity: max(heads * count, 1))
    let offsets = bias.extents.count
    for head in 0..<heads {
      for (index, term) in layout.enumerated() {
        // Kernels work with powers of two.
        let value = term < 0 ? 0 : Double(weight[head * offsets + Int(term)])
        (terms + head * count + index).initialize(to: Float(value * 1.442_695_040_888_963_4))
      }
    }
  }

  deinit {
    terms.deallocate()
  }

  var bytes: Int { 4 * heads * count + 16 * firsts.count }

  /// The terms of window `index` for a query head of one batch element, and floats per row.
  func rows(window index: Int, head: Int) -> (first: UnsafePointer<Float>, stride: Int) {
    (UnsafePointer(terms + head * count + firsts[index]), strides[index])
  }
}

extension ShortWindows {
  /// Indices of the terms of a window, row by row; -1 for none.
  fileprivate func block(
    _ window: Window, _ bias: RelativeBias, _ schedule: TileSchedule
  ) -> [Int32] {
    let keys = window.keys.map { bias.position(key: Int(self.keys[$0])) }
    return schedule.queries[window.queries].flatMap { id -> [Int32] in
      guard let query = bias.position(query: Int(id)) else {
        return [Int32](repeating: -1, count: keys.count)
      }
      return keys.map { key in key.map { Int32(bias.term(query: query, key: $0)) } ?? -1 }
    }
  }
}
