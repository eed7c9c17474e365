// SPDX-License-Identifier: MIT

import AttentionCore

/// Draws a ``MaskPicture``: the matrix of queries and keys, and beside it one query at close range.
enum MaskPlot {
  static let colors: [AttentionMap.Pair: String] = [
    .full: "#0072B2", .partial: "#56B4E9", .masked: "#E69F00",
  ]
  private static let height = 690.0

  static func script(_ picture: MaskPicture, output: PlotOutput) -> String {
    var script = PlotScript(output: output, height: height)
    script.add("set multiplot")
    addHeading(picture, to: &script)
    addColors(to: &script)
    addLegend(picture, to: &script)
    addMatrix(picture, to: &script)
    script.endPlane()
    script.add("unset label")
    script.add("unset object")
    if let grid = picture.map.grid, grid.rank > 1 {
      MaskGrid(picture, grid: grid).add(to: &script)
    } else {
      MaskDetail(picture).add(to: &script)
    }
    script.endPlane()
    script.add("unset multiplot")
    return script.text
  }

  private static func addHeading(_ picture: MaskPicture, to script: inout PlotScript) {
    let lines = [picture.title, picture.facts + (picture.note.map { "; \($0)" } ?? "")]
    for (index, line) in lines.enumerated() {
      script.add(
        "set label \(10 + index) \(Escaping.gnuplot(line)) at screen 0.5,"
          + "\(index == 0 ? "0.955" : "0.915") center font ',\(index == 0 ? 15 : 12)' "
          + "textcolor rgb '#202020' noenhanced")
    }
    script.add("set border 15 linecolor rgb '#404040'")
    script.add("set tics nomirror textcolor rgb '#202020'")
  }

  /// A palette of the codes; skipped pairs have none and stay transparent.
  ///
  /// A palette and not colours by expressions: gnuplot evaluates those cell by cell, which takes
  /// half a second for one matrix.
  private static func addColors(to script: inout PlotScript) {
    let steps = AttentionMap.Pair.allCases.compactMap { pair in
      colors[pair].map {
        "\(Double(pair.rawValue) - 0.5) '\($0)', \(Double(pair.rawValue) + 0.5) '\($0)'"
      }
    }
    script.add("set palette defined (\(steps.joined(separator: ", ")))")
    script.add("set cbrange [0.5:\(Double(colors.count) + 0.5)]")
    script.add("unset colorbox")
  }

  private static func addMatrix(_ picture: MaskPicture, to script: inout PlotScript) {
    let map = picture.map
    let raster = MaskRaster(map)
    PlotPlane(left: 0.07, right: 0.455).set(in: &script)
    script.add("set xlabel \(Escaping.gnuplot("key; dotted: query \(picture.queryText)"))")
    script.add("set ylabel 'query' offset 0.5,0")
    script.add("set xrange [-0.5:\(Double(map.keyLength) - 0.5)]")
    script.add("set yrange [\(Double(map.queryLength) - 0.5):-0.5]")
    script.add("unset key")
    script.plot(
      codes: raster.codes, width: Double(map.keyLength) / Double(raster.keyStep),
      height: Double(map.queryLength) / Double(raster.queryStep))
    let row = Double(picture.query)
    script.plot(
      [[-0.5, row], [Double(map.keyLength) - 0.5, row]],
      "with lines linewidth 1 dashtype 3 linecolor rgb '#404040'")
  }

  /// The key of colours below both planes, laid out by hand: gnuplot's own is cut in several planes.
  private static func addLegend(_ picture: MaskPicture, to script: inout PlotScript) {
    let entries = labels(picture.map)
    let widths = entries.map { 0.048 + 0.0076 * Double($0.label.count) }
    var left = 0.5 - widths.reduce(0, +) / 2
    for (index, entry) in entries.enumerated() {
      let style =
        entry.color.map { "fillstyle solid noborder fillcolor rgb '\($0)'" }
        ?? "fillstyle empty border linecolor rgb '#909090'"
      let (from, to) = (PlotScript.number(left), PlotScript.number(left + 0.02))
      script.add(
        "set object \(30 + index) rectangle from screen \(from),0.03 to screen \(to),0.055 \(style)"
      )
      script.add(
        "set label \(30 + index) \(Escaping.gnuplot(entry.label)) at screen "
          + "\(PlotScript.number(left + 0.026)),0.0425 left font ',12' textcolor rgb '#202020'")
      left += widths[index]
    }
  }

  private static func labels(_ map: AttentionMap) -> [(label: String, color: String?)] {
    guard map.tiles != nil else { return [("attended", colors[.full]), ("not attended", nil)] }
    return [
      ("attended, in a full tile", colors[.full]),
      ("attended, in a partial tile", colors[.partial]),
      ("computed and masked", colors[.masked]), ("skipped", nil),
    ]
  }
}

extension MaskPicture {
  /// The chosen query as a coordinate of the grid or as an index.
  var queryText: String {
    guard let grid = map.grid, grid.rank > 1 else { return String(query) }
    return Extents(grid.coordinate(of: query)).description
  }
}

/// The map cut into at most 256 x 256 cells, each a code of ``AttentionMap/Pair``.
struct MaskRaster {
  private static let limit = 256
  let codes: [[UInt8]]
  /// Queries and keys per cell.
  let queryStep: Int
  let keyStep: Int

  init(_ map: AttentionMap) {
    let queryStep = (map.queryLength + Self.limit - 1) / Self.limit
    let keyStep = (map.keyLength + Self.limit - 1) / Self.limit
    self.queryStep = queryStep
    self.keyStep = keyStep
    codes = stride(from: 0, to: map.queryLength, by: queryStep).map { query in
      stride(from: 0, to: map.keyLength, by: keyStep).map { key in
        Self.code(
          map, query..<min(query + queryStep, map.queryLength),
          key..<min(key + keyStep, map.keyLength))
      }
    }
  }

  /// The commonest of the pairs that are not skipped; a cell is blank only if it holds nothing.
  private static func code(_ map: AttentionMap, _ queries: Range<Int>, _ keys: Range<Int>) -> UInt8
  {
    var counts = [Int](repeating: 0, count: AttentionMap.Pair.allCases.count)
    for query in queries {
      for key in keys { counts[Int(map[query, key].rawValue)] += 1 }
    }
    let visited = counts.indices.dropFirst().filter { counts[$0] > 0 }
    return UInt8(visited.max { counts[$0] < counts[$1] } ?? 0)
  }
}

/// One plane of a picture of several, between two places of its width.
struct PlotPlane {
  let left: Double
  let right: Double

  func set(in script: inout PlotScript) {
    script.add("set lmargin at screen \(left)")
    script.add("set rmargin at screen \(right)")
    script.add("set bmargin at screen 0.17")
    script.add("set tmargin at screen 0.845")
  }
}
