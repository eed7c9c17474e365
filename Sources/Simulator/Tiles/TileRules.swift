// SPDX-License-Identifier: MIT

import AttentionCore

extension NeighborhoodMask {
  /// Throws unless every axis obeys `1 <= stride <= window`, `window * dilation <= length`, and all
  /// pairs fit 64 bits.
  func validate() throws(SimulatorError) {
    guard (1...3).contains(axes.count) else {
      throw .wrongRank(name: "grid", value: grid, rank: axes.isEmpty ? 1 : 3)
    }
    for (index, axis) in axes.enumerated() {
      try axis.validate(axis: index)
    }
    guard extraKeys >= 0 else { throw .tooSmall(name: "extra keys", value: extraKeys, least: 0) }
    guard let tokens = grid.checkedCount else { throw .overflow(quantity: "tokens of the grid") }
    let (keys, overflow) = tokens.addingReportingOverflow(extraKeys)
    guard !overflow else { throw .overflow(quantity: "keys") }
    try TileCounter.checkPairs(queries: tokens, keys: keys)
  }
}

extension AxisWindow {
  fileprivate func validate(axis: Int) throws(SimulatorError) {
    let sizes = [
      ("length", length), ("window", window), ("stride", stride), ("dilation", dilation),
    ]
    for (name, value) in sizes where value < 1 {
      throw .tooSmall(name: "\(name) of axis \(axis)", value: value, least: 1)
    }
    let (span, overflow) = window.multipliedReportingOverflow(by: dilation)
    guard !overflow, span <= length else {
      throw .windowExceedsAxis(axis: axis, window: window, dilation: dilation, length: length)
    }
    guard stride <= window else {
      throw .strideExceedsWindow(axis: axis, stride: stride, window: window)
    }
  }
}

extension TilePair {
  /// Throws unless both tiles have `rank` axes of at least 1 token.
  func validate(rank: Int) throws(SimulatorError) {
    for (name, tile) in [("query tile", query), ("key tile", key)] {
      guard tile.rank == rank else { throw .wrongRank(name: name, value: tile, rank: rank) }
      for value in tile.values where value < 1 {
        throw .tooSmall(name: name, value: value, least: 1)
      }
      guard let tokens = tile.checkedCount, tokens <= Int(Int32.max) else {
        throw .overflow(quantity: "tokens of \(name) \(tile)")
      }
    }
  }

  /// Throws unless the tiles can be laid over the grid of `mask`.
  ///
  /// A static tile of several axes may exceed its axis up to the next power of two, as kernels that
  /// pad do; anything longer is a mistake such as swapped axes.
  func validate(mask: NeighborhoodMask, tiling: Tiling) throws(SimulatorError) {
    let rank = mask.axes.count
    try validate(rank: tiling == .flat ? 1 : rank)
    guard tiling == .static, rank > 1 else { return }
    for (name, tile) in [("query tile", query), ("key tile", key)] {
      for axis in 0..<rank {
        let most = mask.grid[axis].nextPowerOfTwo
        guard tile[axis] <= most else {
          throw .tileExceedsAxis(name: name, tile: tile, grid: mask.grid, axis: axis, most: most)
        }
      }
    }
  }
}

extension Int {
  /// The smallest power of two that is not below this positive value.
  var nextPowerOfTwo: Int {
    self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount)
  }
}
