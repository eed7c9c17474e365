// SPDX-License-Identifier: MIT

import AttentionCore

/// A token grid and the text tokens that share its sequence.
struct GridLayout {
  let grid: Extents
  /// Position of the grid's first token.
  let firstToken: Int
  /// Text tokens, before or after the grid.
  let text: Range<Int>

  /// A `grid` of 0 stands for the shape's own, or for one axis of all tokens but the text.
  ///
  /// - Throws: ``MechanismError`` if grid and text do not make up the sequence.
  init(
    _ mechanism: String, grid: Extents = [0], textTokens: Int = 0, textFirst: Bool = false,
    shape: AttentionShape
  ) throws(MechanismError) {
    let length = shape.queryLength
    let own = grid == [0] ? shape.grid ?? [length - textTokens] : grid
    guard textTokens >= 0, own.values.allSatisfy({ $0 >= 1 }), own.rank <= 3,
      let tokens = own.checkedCount, tokens + textTokens == length
    else {
      throw .unsupportedShape(
        mechanism: mechanism, shape: shape.description,
        rule: "the tokens of grid \(own) and textTokens = \(textTokens) must add up to the "
          + "sequence's \(length); name the grid with the parameter grid where there is text")
    }
    self.grid = own
    firstToken = textFirst ? textTokens : 0
    text = textFirst ? 0..<textTokens : tokens..<length
  }

  /// `value` with one entry per axis: one number stands for every axis, and on grids of lower rank
  /// the last entries count.
  func perAxis(_ name: String, _ value: Extents, atLeast least: Int) throws(MechanismError)
    -> Extents
  {
    guard value.rank == 1 || value.rank >= grid.rank else {
      throw .wrongRank(parameter: name, value: value, rank: grid.rank)
    }
    let own =
      value.rank == 1
      ? [Int](repeating: value[0], count: grid.rank) : Array(value.values.suffix(grid.rank))
    guard own.allSatisfy({ $0 >= least }) else {
      throw .outOfRange(
        parameter: name, value: "\(value)", rule: "every axis must be at least \(least)")
    }
    return Extents(own)
  }

  /// As ``perAxis(_:_:atLeast:)``, and no axis may exceed the grid's.
  func withinGrid(_ name: String, _ value: Extents) throws(MechanismError) -> Extents {
    let own = try perAxis(name, value, atLeast: 1)
    guard zip(own.values, grid.values).allSatisfy({ $0 <= $1 }) else {
      throw .outOfRange(
        parameter: name, value: "\(own)", rule: "no axis may exceed that of the grid, \(grid)")
    }
    return own
  }

  /// Position of the token on the grid, or nil for text.
  func position(_ token: Int) -> [Int]? {
    let index = token - firstToken
    return (0..<grid.count).contains(index) ? grid.coordinate(of: index) : nil
  }

  /// Positions of all tokens in the sequence; nil for text.
  func positions(count: Int) -> [[Int]?] { (0..<count).map(position) }

  /// The token at a position.
  func token(_ position: [Int]) -> Int {
    firstToken + zip(position, grid.values).reduce(0) { $0 * $1.1 + $1.0 }
  }

  /// `keys` for the tokens of the grid, with text that sees and is seen by everything.
  func withText(_ keys: KeyPattern) -> KeyPattern {
    text.isEmpty ? keys : .union([keys, .keys(text), .queries(text)])
  }

  /// Queries in tiles of the grid; text is a group of its own.
  func tiles(_ tile: Extents) -> QueryOrder {
    .tiles(grid: grid, tile: tile, firstToken: firstToken, queryLength: grid.count + text.count)
  }

  /// Queries in bands along the last axis, so that strips of any width are compact tiles.
  var bands: QueryOrder {
    let thickness: Extents = grid.rank == 1 ? [] : grid.rank == 2 ? [4] : [2, 4]
    return .bands(
      grid: grid, thickness: thickness, firstToken: firstToken,
      queryLength: grid.count + text.count)
  }

  /// One label per token of the grid from one number per axis; -1 for text.
  func labels(_ part: (_ axis: Int, _ position: Int) -> Int) -> [Int] {
    let parts = (0..<grid.rank).map { axis in (0..<grid[axis]).map { part(axis, $0) } }
    let counts = parts.map { ($0.max() ?? 0) + 1 }
    return (0..<grid.count + text.count).map { token in
      guard let position = position(token) else { return -1 }
      return (0..<grid.rank).reduce(0) { $0 * counts[$1] + parts[$1][position[$1]] }
    }
  }
}
