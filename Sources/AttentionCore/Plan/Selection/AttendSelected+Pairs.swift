// SPDX-License-Identifier: MIT

extension AttendSelected {
  /// Attended pairs of one head where they do not depend on the data.
  public func attendedPairs(shape: AttentionShape) -> Int? {
    if let realisedPairs { return realisedPairs / (shape.batch * shape.queryHeads) }
    let bounds = pairBounds(shape: shape)
    return bounds.lowerBound == bounds.upperBound ? bounds.lowerBound : nil
  }

  /// The fewest and the most pairs of one head that any data can lead to.
  public func pairBounds(shape: AttentionShape) -> ClosedRange<Int> {
    let geometry = SelectionGeometry(self, shape: shape)
    var least = 0
    var most = 0
    for row in 0..<geometry.rowCount {
      let bounds = pairBounds(row: row, geometry)
      least += bounds.lowerBound
      most += bounds.upperBound
    }
    return least...max(least, most)
  }

  /// Pairs over all heads of a selection that was made.
  public func attendedPairs(of selection: Selection, shape: AttentionShape) -> Int {
    let geometry = SelectionGeometry(self, shape: shape)
    var pairs = 0
    for head in 0..<shape.batch * shape.queryHeads {
      for row in 0..<geometry.rowCount {
        let chosen = selection.blocks(head: head, row: row)
        for place in geometry.queries(row: row) {
          for block in chosen { pairs += geometry.seenKeys(place: place, block: block) }
        }
      }
    }
    return pairs
  }

  /// Pairs over all heads, of those attended to, whose values were left out.
  public func leftOutPairs(of selection: Selection, shape: AttentionShape) -> Int {
    guard let leftOut = selection.leftOut else { return 0 }
    let geometry = SelectionGeometry(self, shape: shape)
    var pairs = 0
    for head in 0..<shape.batch * shape.queryHeads {
      for row in 0..<geometry.rowCount {
        let queries = geometry.queries(row: row)
        for block in selection.blocks(head: head, row: row) {
          for place in queries
          where leftOut.contains(
            head: head, row: row, offset: place - queries.lowerBound, block: block)
          {
            pairs += geometry.seenKeys(place: place, block: block)
          }
        }
      }
    }
    return pairs
  }

  /// Tokens that a query attends to under a selection, by themselves or in a mean.
  public func keys(
    of selection: Selection, head: Int, row: Int, place: Int, _ geometry: SelectionGeometry
  ) -> [Int] {
    let visible = geometry.visibleKeys(place: place)
    let offset = place - geometry.queries(row: row).lowerBound
    return selection.blocks(head: head, row: row).flatMap { block -> [Int] in
      if let leftOut = selection.leftOut,
        leftOut.contains(head: head, row: row, offset: offset, block: block)
      {
        return []
      }
      let keys = geometry.places(block: block)
      let seen = keys.lowerBound..<max(min(keys.upperBound, visible), keys.lowerBound)
      return seen.map { token(at: $0, of: selection, head: head, geometry) }
    }
  }

  /// The token at a place of one query head.
  public func token(
    at place: Int, of selection: Selection, head: Int, _ geometry: SelectionGeometry
  ) -> Int {
    if let orders = selection.orders {
      let queries = geometry.rowStarts[geometry.rowCount]
      return Int(orders[head / selection.headsPerList * queries + place])
    }
    return geometry.order.map { Int($0[place]) } ?? place
  }

  /// Blocks of one row unit that compete by their scores.
  public func candidates(row: Int, _ geometry: SelectionGeometry) -> Int {
    guard row < geometry.rowCount - forced.lastRows else { return 0 }
    let visible = geometry.visibleBlocks(row: row)
    guard rule.forcedTakePlaces else { return visible }
    return visible - geometry.forcedBlocks(row: row, forced).count
  }

  /// Scores of one list head that the rule compares.
  public func scoredBlocks(shape: AttentionShape) -> Int {
    let geometry = SelectionGeometry(self, shape: shape)
    switch scoring {
    case .product, .compressed, .lowBitEstimate, .pyramid, .chunks, .axisOrders: break
    case .tree(let search):
      return (0..<geometry.rowCount).reduce(0) { sum, row in
        let places = geometry.forcedBlocks(row: row, forced)
        let free = places.near.lowerBound - places.first.upperBound
        return sum + 2 * search.kept * search.rounds(free)
      }
    case .verticalSlash: return 2 * shape.keyLength
    case .sortedSegments(let pattern):
      let sorted = shape.keyLength / pattern.segment * pattern.segment
      return (0..<geometry.rowCount).reduce(sorted) { sum, row in
        let own = geometry.rowStarts[row] / pattern.segment * pattern.segment
        return sum + min(own, sorted) / pattern.blockSize
      }
    case .proxyHeads:
      return (0..<geometry.rowCount).reduce(geometry.blockCount) {
        $0 + geometry.visibleBlocks(row: $1)
      }
    }
    return (0..<geometry.rowCount).reduce(0) { $0 + candidates(row: $1, geometry) }
  }

  /// Query rows of one head whose partial results must at least be merged in order `byBlock`.
  public func routedRows(shape: AttentionShape) -> Int {
    let geometry = SelectionGeometry(self, shape: shape)
    return (0..<geometry.rowCount).reduce(0) { sum, row in
      let blocks = geometry.forcedBlocks(row: row, forced).count + chosenAtLeast(row: row, geometry)
      return sum + geometry.queries(row: row).count * max(blocks - 1, 0)
    }
  }

  /// Candidates that any data keeps besides the forced blocks.
  private func chosenAtLeast(row: Int, _ geometry: SelectionGeometry) -> Int {
    guard scoring.keepsCounts else { return 0 }
    guard rule.scope == .row, rule.forcedTakePlaces, case .top(let count) = rule.measure else {
      return 0
    }
    let taken = geometry.forcedBlocks(row: row, forced).count
    return min(max(count - taken, 0), candidates(row: row, geometry))
  }

  private func pairBounds(row: Int, _ geometry: SelectionGeometry) -> ClosedRange<Int> {
    let queries = geometry.queries(row: row)
    let visible = queries.reduce(0) { $0 + geometry.visibleKeys(place: $1) }
    guard row < geometry.rowCount - forced.lastRows else { return visible...visible }
    let places = geometry.forcedBlocks(row: row, forced)
    let certain = (Array(places.first) + Array(places.near)).reduce(0) {
      $0 + pairs(queries, block: $1, geometry)
    }
    let candidates = candidates(row: row, geometry)
    let kept = chosenAtLeast(row: row, geometry)
    guard scoring.keepsCounts, merging == .logSumExp || kept > 0 else {
      return certain...visible
    }
    guard candidates > kept || !rule.forcedTakePlaces || merging != .logSumExp else {
      return visible...visible
    }
    guard rule.scope == .row, rule.forcedTakePlaces, case .top = rule.measure else {
      return certain...visible
    }
    guard kept > 0 else { return certain...certain }
    // Blocks that the first query sees whole; the few others may count for nothing.
    let sizes = wholeSizes(places, seen: geometry.visibleKeys(place: queries.lowerBound), geometry)
    let whole = min(max(kept - (candidates - sizes.count), 0), kept)
    let least = certain + queries.count * whole * sizes.smallest
    guard sizes.count == candidates, sizes.smallest == sizes.largest else {
      return least...visible
    }
    return least...least
  }

  private func blockStep(_ geometry: SelectionGeometry) -> Int { geometry.blockStarts[1] }

  private func pairs(_ queries: Range<Int>, block: Int, _ geometry: SelectionGeometry) -> Int {
    let keys = geometry.keys(block: block)
    return queries.reduce(0) { sum, place in
      sum + max(min(keys.upperBound, geometry.visibleKeys(place: place)) - keys.lowerBound, 0)
    }
  }

  private func wholeSizes(
    _ places: ForcedPlaces, seen: Int, _ geometry: SelectionGeometry
  ) -> (count: Int, smallest: Int, largest: Int) {
    switch blocks {
    case .consecutive, .pyramid:
      let size = blockStep(geometry)
      // Only the last block can be shorter, and only a query that sees everything sees it whole.
      let last = geometry.keys(block: geometry.blockCount - 1)
      let whole = seen == last.upperBound ? geometry.blockCount : seen / size
      let taken =
        places.first.clamped(to: 0..<whole).count + places.near.clamped(to: 0..<whole).count
      let hasLast = whole == geometry.blockCount && !places.contains(whole - 1)
      let usual = geometry.keys(block: 0).count
      return (whole - taken, hasLast ? min(last.count, usual) : usual, usual)
    case .gridTiles, .gridTokens:
      let sizes = (0..<geometry.blockCount).map { geometry.keys(block: $0).count }
      return (geometry.blockCount - places.count, sizes.min() ?? 0, sizes.max() ?? 0)
    }
  }
}
