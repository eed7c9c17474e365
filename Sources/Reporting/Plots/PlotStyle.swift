// SPDX-License-Identifier: MIT

/// Colour and marker of one series, told apart without colour too.
///
/// Colours are those of Okabe and Ito (2008), without yellow, which is too pale on white.
struct PlotStyle: Hashable {
  let color: String
  var marker: Int
  var dash = 1

  /// Black circles belong to the baseline alone.
  static let baseline = PlotStyle(color: "#000000", marker: 7)

  private static let colors = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
  /// gnuplot's squares, circles, triangles, diamonds, inverted triangles and pentagons: first
  /// filled, then open.
  private static let markers = [5, 7, 9, 13, 11, 15, 4, 6, 8, 12, 10, 14]

  /// The style of series `index`; the first 72 are all different.
  static func series(_ index: Int) -> PlotStyle {
    // Six colours against twelve markers would repeat after twelve; the shift makes it 72.
    let shift = index / markers.count
    return PlotStyle(
      color: colors[index % colors.count], marker: markers[(index + shift) % markers.count])
  }

  /// This style for another setting of the same mechanism: its colour, another marker and dash.
  func variant(_ index: Int) -> PlotStyle {
    guard index > 0, let place = Self.markers.firstIndex(of: marker) else { return self }
    var style = self
    style.marker = Self.markers[(place + 3 * index) % Self.markers.count]
    style.dash = 1 + index % 5
    return style
  }

  /// One style per name, in order; `flash` is the baseline.
  static func assign(_ names: [String]) -> [String: PlotStyle] {
    var styles: [String: PlotStyle] = [:]
    for name in names where styles[name] == nil {
      styles[name] = name == "flash" ? baseline : series(styles.count { $0.key != "flash" })
    }
    return styles
  }
}

/// A labelled set of points, each a row of numbers.
struct PlotSeries {
  let label: String
  let style: PlotStyle
  var points: [[Double]]
}

/// The size of a picture and of the plane inside it, in points of its terminal.
struct PlotFrame {
  static let width = 1200.0
  /// Longer names in the key are cut.
  static let labelLimit = 64
  private static let lineHeight = 25.5
  private static let characterWidth = 10.4
  private static let keyMargin = 85.0
  private static let noteHeight = 26.0

  let left: Double
  let right: Double
  var bottom = 0.125
  var top = 0.90
  let height: Double

  /// A frame with room for all `labels` right of the plane.
  init(keyLabels labels: [String]) {
    let room = Self.room(labels) + Self.keyMargin
    left = 0.085
    right = 1 - room / Self.width
    height = max(620, Double(labels.count + 1) * Self.lineHeight / (top - bottom))
  }

  /// A frame for a map whose rows have these names, left of the plane, and a colour scale.
  init(mapRows names: [String]) {
    left = (Self.room(names) + 50) / Self.width
    right = 0.84
    height = max(540, Double(names.count + 1) * Self.lineHeight * 1.2 / (top - bottom))
  }

  /// A frame for bars whose rows have these names, left of the plane; the key lies below, and a note
  /// between them if there is one.
  init(barRows names: [String], hasNote: Bool) {
    let noteHeight = hasNote ? Self.noteHeight : 0
    left = min((Self.room(names) * 0.88 + 40) / Self.width, 0.54)
    right = 0.97
    height = max(360, Double(names.count + 7) * 23) + noteHeight
    bottom = (120 + noteHeight) / height
    top = 1 - 52 / height
  }

  /// A frame for rows of samples with these names, left of the plane.
  init(sampleRows names: [String]) {
    left = (Self.room(names) * 0.86 + 30) / Self.width
    right = 0.97
    height = Double(names.count) * 27 + 130
    bottom = 64 / height
    top = 1 - 48 / height
  }

  private static func room(_ labels: [String]) -> Double {
    let longest = labels.map(\.count).max() ?? 0
    return Double(min(longest, labelLimit)) * characterWidth
  }
}
