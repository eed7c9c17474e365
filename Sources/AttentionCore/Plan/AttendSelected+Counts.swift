// SPDX-License-Identifier: MIT

extension AttendSelected {
  /// What an engine must count over all heads of `shape`, given what was selected.
  public func expectedCounts(
    selection: Selection, shape: AttentionShape, tile: TileSize
  ) -> EngineCounts {
    var counts = EngineCounts()
    for head in 0..<shape.batch * shape.queryHeads {
      let chosen = (0..<shape.queryLength).map { selection.blocks(head: head, row: $0) }
      switch order {
      case .byBlock: addByBlock(chosen, shape: shape, tile: tile, to: &counts)
      case .byQuery: addByQuery(chosen, shape: shape, tile: tile, to: &counts)
      }
      counts.elementsSorted += scoredBlocks(shape: shape)
    }
    counts.exponentials = counts.pairsEvaluated
    return counts
  }

  private func addByBlock(
    _ chosen: [[Int]], shape: AttentionShape, tile: TileSize, to counts: inout EngineCounts
  ) {
    for block in 0..<blockCount(shape: shape) {
      let first = block * blockSize
      let length = min(blockSize, shape.keyLength - first)
      for offset in stride(from: 0, to: length, by: tile.lanes) {
        let queries = min(tile.lanes, length - offset)
        let keys = offset + queries
        let full = queries == 1 ? keys : (offset + 1) / tile.keys * tile.keys
        add(keys: keys, fullKeys: full, queries: queries, shape: shape, tile: tile, to: &counts)
      }
      var routed = chosen.indices.filter { $0 / blockSize > block && chosen[$0].contains(block) }
        .count
      counts.rowsGathered += routed
      while routed > 0 {
        let queries = min(tile.lanes, routed)
        add(
          keys: blockSize, fullKeys: blockSize, queries: queries, shape: shape, tile: tile,
          to: &counts)
        routed -= queries
      }
    }
  }

  private func addByQuery(
    _ chosen: [[Int]], shape: AttentionShape, tile: TileSize, to counts: inout EngineCounts
  ) {
    for first in stride(from: 0, to: shape.queryLength, by: tile.lanes) {
      let queries = first..<min(first + tile.lanes, shape.queryLength)
      var keyRows = 0
      for block in Set(queries.flatMap { chosen[$0] }) {
        let isOwn = queries.contains { $0 / blockSize == block }
        let end = min((block + 1) * blockSize, isOwn ? queries.upperBound : shape.keyLength)
        let keys = end - block * blockSize
        let isFull = !isOwn && queries.allSatisfy { chosen[$0].contains(block) }
        let tiles = (keys + tile.keys - 1) / tile.keys
        counts.tilesVisited += tiles
        counts.tilesFull += isFull ? tiles : 0
        counts.pairsEvaluated += keys * queries.count
        keyRows += keys
      }
      addBytes(keyRows: keyRows, queries: queries.count, shape: shape, to: &counts)
    }
  }

  private func add(
    keys: Int, fullKeys: Int, queries: Int, shape: AttentionShape, tile: TileSize,
    to counts: inout EngineCounts
  ) {
    counts.tilesVisited += (keys + tile.keys - 1) / tile.keys
    counts.tilesFull += (fullKeys + tile.keys - 1) / tile.keys
    counts.pairsEvaluated += keys * queries
    addBytes(keyRows: keys, queries: queries, shape: shape, to: &counts)
  }

  private func addBytes(
    keyRows: Int, queries: Int, shape: AttentionShape, to counts: inout EngineCounts
  ) {
    counts.bytesRead += 4 * (queries * shape.headDim + keyRows * (shape.headDim + shape.valueDim))
    counts.bytesWritten += 4 * queries * shape.valueDim
  }
}
