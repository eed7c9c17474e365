// SPDX-License-Identifier: MIT

extension AttendSelected {
  /// What an engine must count over all heads of `shape`, given what was selected.
  ///
  /// Tiles are found by asking, for every one, which queries of a strip see which of its keys.
  public func expectedCounts(
    selection: Selection, shape: AttentionShape, tile: TileSize
  ) -> EngineCounts {
    var tally = SelectionTally(stage: self, selection: selection, shape: shape, tile: tile)
    let heads = headsPerStrip(shape: shape, lanes: tile.lanes)
    switch order {
    case .byBlock where mergesInChunks(SelectionGeometry(self, shape: shape)):
      for head in stride(from: 0, to: shape.batch * shape.queryHeads, by: heads) {
        tally.addByChunk(head: head, heads: heads)
      }
    case .byBlock:
      for head in 0..<shape.batch * shape.queryHeads { tally.addByBlock(head: head) }
    case .byRow:
      for head in 0..<shape.batch * shape.queryHeads { tally.addByRow(head: head) }
    case .byQuery:
      for head in stride(from: 0, to: shape.batch * shape.queryHeads, by: heads) {
        tally.addByQuery(head: head, heads: heads)
      }
    }
    tally.counts.exponentials = tally.counts.pairsEvaluated
    if leftOutBelow != nil { tally.counts.pairsLeftOut = tally.pairsLeftOut }
    let lists = shape.batch * shape.queryHeads / headsPerList(shape: shape)
    tally.counts.elementsSorted = lists * scoredBlocks(shape: shape)
    return tally.counts
  }

  /// Whether order `byBlock` merges partial results chunk by chunk of the queries: where lists are
  /// long, all of them together would be many times the output, and where scores weigh blocks,
  /// nothing of them need be kept.
  public func mergesInChunks(_ geometry: SelectionGeometry) -> Bool {
    order == .byBlock
      && (scoresWeighBlocks || (merging == .logSumExp && capacity(geometry) > 4))
  }

  /// Whether the score that chose a past block is that of its last key, by which the block weighs.
  public var scoresWeighBlocks: Bool {
    guard merging == .lastKeys, order == .byBlock, rows == .queries(1), sharing == .none,
      forced.own, forced.lastRows == 0,
      case .product(let product) = scoring
    else { return false }
    return product.key == PooledFeature([.last]) && product.query == .mean && product.form == .raw
  }

  /// First places of the chunks whose partial results are merged at once, and the number of
  /// queries; `heads` rows of every query fill strips together.
  ///
  /// A chunk is long enough for blocks to be chosen by several strips of its rows, since the last
  /// strip of a block is seldom full, and otherwise short.
  public func chunkStarts(_ geometry: SelectionGeometry, heads: Int) -> [Int] {
    let queries = geometry.rowStarts[geometry.rowCount]
    let quarter = (queries * heads + 3) / 4
    let wanted = 256 * geometry.blockCount / capacity(geometry)
    let rows = max(min(wanted, quarter, 32768), 4096)
    return Array(stride(from: 0, to: queries, by: max(rows / heads, 1))) + [queries]
  }

  /// Query heads whose rows of one token lie side by side in a strip: those that share a list and
  /// read the same keys, where row units are tokens.
  public func headsPerStrip(shape: AttentionShape, lanes: Int) -> Int {
    guard rows == .queries(1), sharing != .none, shape.headGroup <= lanes else { return 1 }
    return shape.headGroup
  }
}

/// Adds up what the strips of a selection visit.
private struct SelectionTally {
  let stage: AttendSelected
  let selection: Selection
  let shape: AttentionShape
  let tile: TileSize
  let geometry: SelectionGeometry
  /// Row unit of every query place.
  let rowOfPlace: [Int]
  var counts = EngineCounts()
  private(set) var pairsLeftOut = 0

  init(stage: AttendSelected, selection: Selection, shape: AttentionShape, tile: TileSize) {
    self.stage = stage
    self.selection = selection
    self.shape = shape
    self.tile = tile
    let geometry = SelectionGeometry(stage, shape: shape)
    self.geometry = geometry
    rowOfPlace = (0..<geometry.rowCount).flatMap { row in
      geometry.queries(row: row).map { _ in row }
    }
  }

  /// Strips hold queries of one row unit where units fill them, consecutive queries otherwise.
  mutating func addByQuery(head: Int, heads: Int) {
    let chosen = (0..<geometry.rowCount).map { Set(selection.blocks(head: head, row: $0)) }
    let isLarge = (0..<geometry.rowCount).contains { geometry.queries(row: $0).count >= tile.lanes }
    let ranges =
      isLarge || stage.rows == .block
      ? (0..<geometry.rowCount).map { geometry.queries(row: $0) } : [0..<shape.queryLength]
    for range in ranges {
      let width = tile.lanes / heads
      for first in stride(from: range.lowerBound, to: range.upperBound, by: width) {
        let places = (first..<min(first + width, range.upperBound)).flatMap { place in
          (0..<heads).map { _ in place }
        }
        var keyRows = 0
        for block in Set(places.flatMap { chosen[rowOfPlace[$0]] }) {
          let isChosen = places.map { chosen[rowOfPlace[$0]].contains(block) }
          let keys = add(block: block, places: places, isChosen: isChosen)
          keyRows += keys
          if isLeftOut(block, head: head, place: first) { pairsLeftOut += keys * places.count }
        }
        addBytes(keyRows: keyRows, queries: places.count)
      }
    }
  }

  /// Whether the strip that begins at `place` leaves a block out.
  private func isLeftOut(_ block: Int, head: Int, place: Int) -> Bool {
    guard let leftOut = selection.leftOut else { return false }
    let row = rowOfPlace[place]
    return leftOut.contains(
      head: head, row: row, offset: place - geometry.queries(row: row).lowerBound, block: block)
  }

  /// Gathered keys are cut into tiles from the first on, whatever blocks they come from.
  mutating func addByRow(head: Int) {
    for row in 0..<geometry.rowCount {
      let queries = geometry.queries(row: row)
      let seen = geometry.visibleKeys(place: queries.upperBound - 1)
      let keys = selection.blocks(head: head, row: row).flatMap { geometry.keys(block: $0) }
        .filter { $0 < seen }
      counts.rowsGathered += keys.count
      for first in stride(from: queries.lowerBound, to: queries.upperBound, by: tile.lanes) {
        let places = Array(first..<min(first + tile.lanes, queries.upperBound))
        let limit = geometry.visibleKeys(place: places[places.count - 1])
        let least = geometry.visibleKeys(place: first)
        let visited = Array(keys.prefix { $0 < limit })
        for start in stride(from: 0, to: visited.count, by: tile.keys) {
          let end = min(start + tile.keys, visited.count)
          counts.tilesVisited += 1
          counts.tilesFull += visited[end - 1] < least ? 1 : 0
          counts.pairsEvaluated += (end - start) * places.count
        }
        addBytes(keyRows: visited.count, queries: places.count)
      }
    }
  }

  /// The rows of a chunk are gathered block by block.
  mutating func addByChunk(head: Int, heads: Int) {
    let starts = stage.chunkStarts(geometry, heads: heads)
    for (first, end) in zip(starts, starts.dropFirst()) {
      var rows = [[Int]](repeating: [], count: geometry.blockCount)
      if stage.scoresWeighBlocks { addOwn(first..<end, head: head) }
      for place in first..<end {
        let blocks = selection.blocks(head: head, row: rowOfPlace[place])
        for block in stage.scoresWeighBlocks ? blocks.dropLast() : blocks[...] {
          for _ in 0..<heads { rows[block].append(place) }
        }
      }
      for (block, list) in rows.enumerated() {
        counts.rowsGathered += list.count
        addStrips(list, block: block)
      }
    }
  }

  /// Consecutive queries attend to their own blocks.
  private mutating func addOwn(_ places: Range<Int>, head: Int) {
    for first in stride(from: places.lowerBound, to: places.upperBound, by: tile.lanes) {
      let strip = Array(first..<min(first + tile.lanes, places.upperBound))
      let own = strip.map { selection.blocks(head: head, row: rowOfPlace[$0]).last ?? 0 }
      let keyRows = Set(own).reduce(0) { rows, block in
        rows + add(block: block, places: strip, isChosen: own.map { $0 == block })
      }
      addBytes(keyRows: keyRows, queries: strip.count)
    }
  }

  private mutating func addStrips(_ list: [Int], block: Int) {
    for first in stride(from: 0, to: list.count, by: tile.lanes) {
      let places = Array(list[first..<min(first + tile.lanes, list.count)])
      let keyRows = add(block: block, places: places, isChosen: places.map { _ in true })
      addBytes(keyRows: keyRows, queries: places.count)
    }
  }

  /// A query's last block writes its output row; every other one a partial row.
  mutating func addByBlock(head: Int) {
    for block in 0..<geometry.blockCount {
      var last: [Int] = []
      var routed: [Int] = []
      for row in 0..<geometry.rowCount {
        let chosen = selection.blocks(head: head, row: row)
        guard chosen.contains(block) else { continue }
        if chosen.max() == block {
          last += geometry.queries(row: row)
        } else {
          routed += geometry.queries(row: row)
        }
      }
      counts.rowsGathered += routed.count
      for list in [last, routed] { addStrips(list, block: block) }
    }
  }

  /// Counts the tiles of one block for one strip and returns how many keys are read.
  private mutating func add(block: Int, places: [Int], isChosen: [Bool]) -> Int {
    let keys = geometry.keys(block: block)
    let visible = places.map { keys.lowerBound + geometry.seenKeys(place: $0, block: block) }
    let end = zip(visible, isChosen).reduce(keys.lowerBound) { $1.1 ? max($0, $1.0) : $0 }
    for first in stride(from: keys.lowerBound, to: end, by: tile.keys) {
      let tileEnd = min(first + tile.keys, end)
      counts.tilesVisited += 1
      counts.tilesFull += zip(visible, isChosen).allSatisfy { $0 >= tileEnd && $1 } ? 1 : 0
      counts.pairsEvaluated += (tileEnd - first) * places.count
    }
    return end - keys.lowerBound
  }

  private mutating func addBytes(keyRows: Int, queries: Int) {
    counts.bytesRead += 4 * (queries * shape.headDim + keyRows * (shape.headDim + shape.valueDim))
    counts.bytesWritten += 4 * queries * shape.valueDim
  }
}
