// SPDX-License-Identifier: MIT

import ResultStore

/// A table before any output language: columns of cells with a heading.
struct Table {
  var columns: [Column]

  var rowCount: Int { columns.first?.cells.count ?? 0 }

  /// The cells of row `index`, left to right.
  func row(_ index: Int) -> [Cell] { columns.map { $0.cells[index] } }
}

struct Column {
  let heading: String
  let isNumeric: Bool
  let cells: [Cell]

  init(_ heading: String, isNumeric: Bool = true, cells: [Cell]) {
    self.heading = heading
    self.isNumeric = isNumeric
    self.cells = cells
  }

  /// A column of numbers in one style; a number that is not finite counts as absent.
  init(_ heading: String, _ quantities: [Quantity], style: (Double) -> String) {
    self.init(heading, cells: quantities.map { Cell($0, style: style) })
  }

  /// A column of times in one unit, which the heading names.
  static func duration(_ heading: String, nanoseconds: [Quantity]) -> Column {
    let unit = ColumnUnit.duration(nanoseconds: nanoseconds.compactMap(\.value))
    return Column("\(heading) [\(unit.name)]", nanoseconds) {
      NumberText.significant($0 / unit.factor)
    }
  }

  /// A column of sizes in one unit, which the heading names.
  static func bytes(_ heading: String, _ bytes: [Quantity]) -> Column {
    let unit = ColumnUnit.bytes(bytes.compactMap(\.value))
    return Column("\(heading) [\(unit.name)]", bytes) {
      NumberText.significant($0 / unit.factor)
    }
  }
}

/// One entry of a table.
enum Cell: Hashable {
  case text(String)
  /// An identifier, set in a fixed-width face.
  case code(String)
  case number(String)
  case absent(reason: String)

  init(_ quantity: Quantity, style: (Double) -> String) {
    switch quantity {
    case .value(let number) where number.isFinite: self = .number(style(number))
    case .value: self = .absent(reason: "the result is not a finite number")
    case .absent(let reason): self = .absent(reason: reason)
    }
  }

  init(_ estimate: Known<Estimate>) {
    switch estimate {
    case .value(let estimate):
      let parts = [estimate.value, estimate.interval.low, estimate.interval.high]
      guard parts.allSatisfy(\.isFinite) else {
        self = .absent(reason: "the result is not a finite number")
        return
      }
      self = .number(NumberText.estimate(estimate))
    case .absent(let reason): self = .absent(reason: reason)
    }
  }

  init(_ count: Known<Int>) {
    switch count {
    case .value(let count): self = .number(NumberText.count(count))
    case .absent(let reason): self = .absent(reason: reason)
    }
  }

  init(text: Known<String>) {
    switch text {
    case .value(let text): self = .text(text)
    case .absent(let reason): self = .absent(reason: reason)
    }
  }
}
