// SPDX-License-Identifier: MIT

/// A table in fixed-width letters that keeps to a given width.
public struct TextTable: Sendable {
  public struct Column: Sendable {
    public let heading: String
    public let isNumeric: Bool

    public init(_ heading: String, isNumeric: Bool = false) {
      self.heading = heading
      self.isNumeric = isNumeric
    }
  }

  public let columns: [Column]
  public let rows: [[String]]
  private static let gap = 2
  /// Words of a column are not squeezed below this.
  private static let narrowest = 12

  /// - Requires: every row has a cell per column.
  public init(columns: [Column], rows: [[String]]) {
    self.columns = columns
    self.rows = rows
  }

  /// The lines of the table, at most `width` letters wide where that is possible.
  ///
  /// Text columns are wrapped, widest first; numbers are never broken. Nil means no limit.
  public func lines(width: Int?) -> [String] {
    let widths = widths(limit: width)
    return ([columns.map(\.heading)] + rows).flatMap { row in
      let cells = zip(row, widths).map { Self.wrap($0, width: $1) }
      let height = cells.map(\.count).max() ?? 0
      return (0..<height).map { line in
        let parts = cells.indices.map { index in
          let text = line < cells[index].count ? cells[index][line] : ""
          let space = String(repeating: " ", count: max(widths[index] - text.count, 0))
          return columns[index].isNumeric ? space + text : text + space
        }
        return Self.trimmed(parts.joined(separator: String(repeating: " ", count: Self.gap)))
      }
    }
  }

  private func widths(limit: Int?) -> [Int] {
    var widths = columns.indices.map { index in
      ([columns[index].heading] + rows.map { $0[index] }).map(\.count).max() ?? 0
    }
    guard let limit else { return widths }
    var excess = widths.reduce(Self.gap * (widths.count - 1), +) - limit
    while excess > 0 {
      let candidates = columns.indices.filter {
        !columns[$0].isNumeric && widths[$0] > Self.narrowest
      }
      guard let widest = candidates.max(by: { widths[$0] < widths[$1] }) else { break }
      widths[widest] -= 1
      excess -= 1
    }
    return widths
  }

  /// `text` in lines of at most `width` letters, broken at spaces where there are any.
  public static func wrap(_ text: String, width: Int) -> [String] {
    guard text.count > width, width > 0 else { return [text] }
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      var word = String(word)
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = ""
      }
      while word.count > width {
        lines.append(String(word.prefix(width)))
        word = String(word.dropFirst(width))
      }
      line += line.isEmpty ? word : " " + word
    }
    return line.isEmpty ? lines : lines + [line]
  }

  private static func trimmed(_ line: String) -> String {
    String(line.reversed().drop { $0 == " " }.reversed())
  }
}

/// How wide a terminal is and whether it shows colours.
public struct TerminalStyle: Hashable, Sendable {
  public let width: Int
  public let hasColor: Bool

  public init(width: Int, hasColor: Bool) {
    self.width = width
    self.hasColor = hasColor
  }

  public enum Color: String, Sendable {
    case good = "32"
    case bad = "31"
    case heading = "1"
    case faint = "2"
  }

  /// `text` in `color`, or as it is where there are no colours.
  public func paint(_ text: String, _ color: Color) -> String {
    hasColor ? "\u{1B}[\(color.rawValue)m\(text)\u{1B}[0m" : text
  }
}
