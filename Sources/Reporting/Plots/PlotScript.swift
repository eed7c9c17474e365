// SPDX-License-Identifier: MIT

import Foundation

/// The text of a gnuplot script, built line by line.
struct PlotScript {
  private(set) var lines: [String] = []
  private var clauses: [String] = []
  private var blocks = 0
  /// Width of a character of the title in units of its font size, generously.
  private static let titleCharacter = 0.62

  /// A script with terminal, frame, title and axis labels set.
  init(output: PlotOutput, frame: PlotFrame, title: String, x: String, y: String) {
    addTerminal(output, height: frame.height)
    add("set lmargin at screen \(Self.number(frame.left))")
    add("set rmargin at screen \(Self.number(frame.right))")
    add("set bmargin at screen \(Self.number(frame.bottom))")
    add("set tmargin at screen \(Self.number(frame.top))")
    addTitle(title, frame: frame)
    add("set xlabel \(Escaping.gnuplot(x))")
    add("set ylabel \(Escaping.gnuplot(y)) offset 0.5,0")
    add("set border 3 linecolor rgb '#404040'")
    add("set tics nomirror textcolor rgb '#202020'")
    add("set grid xtics ytics linetype 1 linewidth 0.6 linecolor rgb '#E2E2E2'")
    add(
      "set key at screen \(Self.number(frame.right + 0.015)),screen \(Self.number(frame.top)) "
        + "left top vertical maxcols 1 Left reverse samplen 1.5 spacing 1.25 noenhanced")
    add("set errorbars 0")
    add("set logscale xy")
  }

  /// A script of several planes, which sets everything else itself.
  init(output: PlotOutput, height: Double) {
    addTerminal(output, height: height)
  }

  /// A title over the whole page: gnuplot's own is centred over the axes, and cut where it is wider
  /// than what they leave on either side.
  private mutating func addTitle(_ title: String, frame: PlotFrame) {
    let fitting = PlotFrame.width * 0.97 / (Double(title.count) * Self.titleCharacter)
    let size = Int(min(15, max(9, fitting)))
    let height = Self.number((1 + frame.top) / 2)
    let text = Escaping.gnuplot(title)
    add("set label \(text) at screen 0.5,screen \(height) center font ',\(size)'")
  }

  private mutating func addTerminal(_ output: PlotOutput, height: Double) {
    let size = "size \(Int(PlotFrame.width)),\(Int(height))"
    switch output.format {
    case .svg:
      add("set terminal svg \(size) background '#ffffff' font 'sans-serif,13' noenhanced")
      add("set pointsize 0.75")
    case .png:
      let large = "size \(Int(PlotFrame.width * 2)),\(Int(height) * 2)"
      add(
        "set terminal pngcairo \(large) background '#ffffff' font 'Sans,13' "
          + "fontscale 2 linewidth 2 pointscale 2 noenhanced")
      add("set pointsize 1.1")
    }
    add("set output \(Escaping.gnuplotPath(output.path))")
    add("set encoding utf8")
  }

  mutating func add(_ line: String) { lines.append(line) }

  /// Limits and labelled ticks of one axis, `x` or `y`.
  mutating func setAxis(_ axis: String, _ range: ClosedRange<Double>, ticks: [Double]) {
    add("set \(axis)range [\(Self.number(range.lowerBound)):\(Self.number(range.upperBound))]")
    let marks = ticks.map { "'\(Self.tickText($0))' \(Self.number($0))" }
    add("set \(axis)tics (\(marks.joined(separator: ", ")))")
  }

  /// Names at the whole numbers of one axis, with half a unit of room at both ends.
  mutating func setNames(_ axis: String, _ names: [String], reversed: Bool) {
    let ends = ["-0.5", Self.number(Double(names.count) - 0.5)]
    add("set \(axis)range [\((reversed ? ends.reversed() : ends).joined(separator: ":"))]")
    // Labels of ticks are formats: a percent sign would ask for a number.
    let marks = names.enumerated().map { index, name in
      "\(Escaping.gnuplot(Self.cut(name).replacing("%", with: "%%"))) \(index)"
    }
    add("set \(axis)tics (\(marks.joined(separator: ", "))) scale 0")
  }

  /// A text inside the plane, at data coordinates.
  mutating func addLabel(
    _ text: String, x: Double, y: Double, alignment: String = "left", rotation: Double = 0,
    offset: String
  ) {
    add(
      "set label \(Escaping.gnuplot(text)) at \(Self.number(x)),\(Self.number(y)) \(alignment) "
        + "rotate by \(Self.number(rotation.rounded())) offset \(offset) font ',11' "
        + "textcolor rgb '#1A1A1A' front")
  }

  /// A line of text between the plane and a key below it.
  mutating func addNote(_ text: String, in frame: PlotFrame) {
    add(
      "set label \(Escaping.gnuplot(text)) at screen 0.5,\(Self.number(70 / frame.height)) center "
        + "font ',11' textcolor rgb '#1A1A1A' noenhanced")
  }

  /// Data with a plot clause such as `with points`; an empty label keeps it out of the key, an
  /// empty point breaks a line.
  mutating func plot(_ points: [[Double]], _ style: String, label: String = "") {
    blocks += 1
    let name = "$data\(blocks)"
    add("\(name) << END")
    for point in points { add(point.map(Self.number).joined(separator: " ")) }
    add("END")
    clauses.append("\(name) \(style) \(label.isEmpty ? "notitle" : Self.keyTitle(label))")
  }

  /// A line of the key for what was plotted without a label.
  mutating func addKey(_ style: String, label: String) {
    clauses.append("keyentry \(style) \(Self.keyTitle(label))")
  }

  /// An image of one-digit codes, row by row from the top, on axes of its own; 0 is transparent.
  ///
  /// `width` and `height` are those of the plane in cells: the last ones may be cut.
  mutating func plot(codes: [[UInt8]], width: Double, height: Double) {
    guard codes.contains(where: { $0.contains { $0 != 0 } }) else { return }
    blocks += 1
    add("set x2range [-0.5:\(Self.number(width - 0.5))]")
    add("set y2range [\(Self.number(height - 0.5)):-0.5]")
    add("$data\(blocks) << END")
    for row in codes { add(row.map { $0 == 0 ? "NaN" : String($0) }.joined(separator: " ")) }
    add("END")
    // Plain columns: an expression would be evaluated cell by cell.
    clauses.append("$data\(blocks) matrix using 1:2:3 with image axes x2y2 notitle")
  }

  /// Ends a plane of several: what follows belongs to the next.
  mutating func endPlane() {
    add("plot " + clauses.joined(separator: ", \\\n  "))
    clauses = []
  }

  /// The finished script.
  var text: String {
    var script = self
    if !clauses.isEmpty { script.endPlane() }
    return (script.lines + ["unset output"]).joined(separator: "\n") + "\n"
  }

  private static func keyTitle(_ label: String) -> String {
    "title \(Escaping.gnuplot(cut(label)))"
  }

  private static func cut(_ label: String) -> String {
    let limit = PlotFrame.labelLimit
    return label.count > limit ? "\(label.prefix(limit - 3))..." : label
  }

  /// Six significant digits, more than a picture can show.
  static func number(_ number: Double) -> String { String(format: "%.6g", number) }

  private static func tickText(_ tick: Double) -> String {
    if tick >= 1024, let whole = Int(exactly: tick), whole.isMultiple(of: 1024) {
      return "\(whole / 1024)k"
    }
    return String(format: "%.6g", tick)
  }
}

/// Ranges and ticks of logarithmic axes.
enum LogAxis {
  /// The span of `values` with a margin factor on both sides; an empty list gives 1 to 10.
  static func range(_ values: [Double], margin: Double) -> ClosedRange<Double> {
    guard let low = values.min(), let high = values.max() else { return 1...10 }
    return (low / margin)...(high * margin)
  }

  /// Round numbers inside `range`: powers of ten over many decades, with more between over few.
  static func decimalTicks(_ range: ClosedRange<Double>) -> [Double] {
    let first = Int(log10(range.lowerBound).rounded(.down))
    let last = Int(log10(range.upperBound).rounded(.up))
    let steps: [Double] =
      switch decades(range) {
      case ...0.8: [1, 1.5, 2, 3, 4, 5, 6, 8]
      case ...4: [1, 2, 5]
      default: [1]
      }
    return (first...max(first, last)).flatMap { decade in
      steps.map { $0 * pow(10, Double(decade)) }
    }.filter(range.contains)
  }

  /// Powers of two inside `range`.
  static func binaryTicks(_ range: ClosedRange<Double>) -> [Double] {
    let first = Int(log2(range.lowerBound).rounded(.up))
    let last = Int(log2(range.upperBound).rounded(.down))
    guard first <= last else { return [] }
    let step = max(1, (last - first) / 12 + 1)
    return stride(from: first, through: last, by: step).map { pow(2, Double($0)) }
  }

  /// Decades between the ends of `range`.
  static func decades(_ range: ClosedRange<Double>) -> Double {
    log10(range.upperBound / range.lowerBound)
  }

  /// Whether `value` can be drawn: finite, above zero and within what a plane can hold.
  static func isDrawable(_ value: Double) -> Bool { value >= 1e-30 && value <= 1e30 }
}
