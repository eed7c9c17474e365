// SPDX-License-Identifier: MIT

import AttentionCore

/// The keys of one query on the token grid, slices of the outer axis side by side.
struct MaskGrid {
  private let picture: MaskPicture
  private let grid: Extents
  /// Slices per row of slices.
  private let columns: Int
  private let slices: Int

  init(_ picture: MaskPicture, grid: Extents) {
    self.picture = picture
    self.grid = grid
    slices = grid.rank > 2 ? grid[0] : 1
    let aspect = Double(grid[grid.rank - 2]) / Double(grid[grid.rank - 1])
    columns = max(1, Int((Double(slices) * aspect).squareRoot().rounded(.up)))
  }

  func add(to script: inout PlotScript) {
    let strip = picture.map.strip(of: picture.query)
    let width = columns * (columnCount + 1) - 1
    let height = (slices + columns - 1) / columns * (rowCount + 1) - 1
    PlotPlane(left: 0.545, right: 0.965).set(in: &script)
    script.add("unset tics")
    script.add("set border 0")
    script.add("set size ratio -1")
    script.add("set xrange [-0.7:\(Double(width) - 0.3)]")
    script.add("set yrange [\(Double(height) - 0.3):-0.7]")
    script.add("unset xlabel")
    script.add("unset ylabel")
    for (index, line) in caption.enumerated() {
      script.add(
        "set label \(20 + index) \(Escaping.gnuplot(line)) at screen 0.755,"
          + "\(PlotScript.number(0.135 - 0.03 * Double(index))) center textcolor rgb '#202020'")
    }
    script.plot(
      (0..<slices).flatMap(outline), "with lines linewidth 1 linecolor rgb '#B0B0B0'")
    for pair in [AttentionMap.Pair.masked, .partial, .full] {
      let cells = (0..<grid.count).filter { picture.map[picture.query, $0] == pair }
      guard !cells.isEmpty, let color = MaskPlot.colors[pair] else { continue }
      script.plot(
        cells.map(box),
        "using 1:2:3:4:5:6 with boxxyerror fillstyle solid noborder linecolor rgb '\(color)'")
    }
    script.plot(edges(of: Set(strip)), "with lines linewidth 2 linecolor rgb '#000000'")
    let (x, y) = place(picture.query)
    script.plot(
      [[x, y]], "with points pointtype 7 pointsize 0.9 linecolor rgb '#000000'")
  }

  private var caption: [String] {
    let tile = picture.map.tiles == nil ? [] : ["outlined: the queries of its tile"]
    let slices = grid.rank > 2 ? ["a slice per index of the outer axis"] : []
    return ["keys of query \(picture.queryText) on the grid \(grid)"]
      + [(tile + slices).joined(separator: "; ")].filter { !$0.isEmpty }
  }

  private var rowCount: Int { grid[grid.rank - 2] }
  private var columnCount: Int { grid[grid.rank - 1] }

  /// Where a token is drawn.
  private func place(_ token: Int) -> (x: Double, y: Double) {
    let coordinate = grid.coordinate(of: token)
    let slice = grid.rank > 2 ? coordinate[0] : 0
    let (row, column) = (coordinate[grid.rank - 2], coordinate[grid.rank - 1])
    return (
      Double(slice % columns * (columnCount + 1) + column),
      Double(slice / columns * (rowCount + 1) + row)
    )
  }

  private func box(_ token: Int) -> [Double] {
    let (x, y) = place(token)
    return [x, y, x - 0.46, x + 0.46, y - 0.46, y + 0.46]
  }

  private func outline(_ slice: Int) -> [[Double]] {
    let (x, y) = place(slice * rowCount * columnCount)
    let (right, bottom) = (x + Double(columnCount) - 0.5, y + Double(rowCount) - 0.5)
    return [
      [x - 0.5, y - 0.5], [right, y - 0.5], [right, bottom], [x - 0.5, bottom], [x - 0.5, y - 0.5],
      [],
    ]
  }

  /// The sides of cells between a token of `tokens` and one that is not.
  private func edges(of tokens: Set<Int>) -> [[Double]] {
    let places = Set(tokens.map { token in PlanePoint(place(token)) })
    return places.sorted().flatMap { point in
      let (x, y) = (point.x, point.y)
      let sides = [
        (PlanePoint((x - 1, y)), [[x - 0.5, y - 0.5], [x - 0.5, y + 0.5]]),
        (PlanePoint((x + 1, y)), [[x + 0.5, y - 0.5], [x + 0.5, y + 0.5]]),
        (PlanePoint((x, y - 1)), [[x - 0.5, y - 0.5], [x + 0.5, y - 0.5]]),
        (PlanePoint((x, y + 1)), [[x - 0.5, y + 0.5], [x + 0.5, y + 0.5]]),
      ]
      return sides.flatMap { neighbour, side in
        places.contains(neighbour) ? [] : side + [[]]
      }
    }
  }
}

private struct PlanePoint: Hashable, Comparable {
  let x: Double
  let y: Double

  init(_ place: (x: Double, y: Double)) {
    x = place.x
    y = place.y
  }

  static func < (left: Self, right: Self) -> Bool { (left.y, left.x) < (right.y, right.x) }
}

/// A cut-out of the matrix around one query, in which single pairs and tiles can be told apart.
struct MaskDetail {
  private static let span = 96
  private let picture: MaskPicture
  private let queries: Range<Int>
  private let keys: Range<Int>

  init(_ picture: MaskPicture) {
    self.picture = picture
    let map = picture.map
    queries = Self.window(around: picture.query, in: map.queryLength)
    let seen = (0..<map.keyLength).filter { map[picture.query, $0] != .skipped }
    // Near the last key: masks are cut there, whatever lies before.
    let focus = seen.last ?? picture.query
    keys = Self.window(around: focus - Self.span / 4, in: map.keyLength)
  }

  private static func window(around place: Int, in length: Int) -> Range<Int> {
    let start = min(max(place - span / 2, 0), max(length - span, 0))
    return start..<min(start + span, length)
  }

  func add(to script: inout PlotScript) {
    let map = picture.map
    PlotPlane(left: 0.56, right: 0.965).set(in: &script)
    script.add("set xlabel 'key; a cut-out around query \(picture.query)'")
    script.add("set xrange [\(Double(keys.lowerBound) - 0.5):\(Double(keys.upperBound) - 0.5)]")
    script.add(
      "set yrange [\(Double(queries.upperBound) - 0.5):\(Double(queries.lowerBound) - 0.5)]")
    let codes = queries.map { query in keys.map { map[query, $0].rawValue } }
    script.plot(codes: codes, width: Double(keys.count), height: Double(queries.count))
    let row = Double(picture.query)
    script.plot(
      [[Double(keys.lowerBound) - 0.5, row], [Double(keys.upperBound) - 0.5, row]],
      "with lines linewidth 1 dashtype 3 linecolor rgb '#404040'")
    let borders = map.strips.compactMap { strip in
      strip.min().flatMap { queries.contains($0) && $0 > queries.lowerBound ? $0 : nil }
    }
    guard map.strips.allSatisfy({ isConsecutive($0) }), !borders.isEmpty else { return }
    script.plot(
      borders.flatMap { border in
        let y = Double(border) - 0.5
        return [[Double(keys.lowerBound) - 0.5, y], [Double(keys.upperBound) - 0.5, y], []]
      }, "with lines linewidth 0.6 linecolor rgb '#909090'")
  }

  private func isConsecutive(_ strip: [Int]) -> Bool {
    zip(strip, strip.dropFirst()).allSatisfy { $1 == $0 + 1 }
  }
}
