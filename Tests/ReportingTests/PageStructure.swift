// SPDX-License-Identifier: MIT

import Foundation

/// The skeleton of a page: headings, tables with their columns and rows, controls, panels, pictures.
struct PageStructure {
  struct Rows: Decodable {
    let heading: String
    let lines: [String: String]
  }

  private let page: String
  /// Every start tag outside pictures, scripts and styles.
  let tags: [String]

  init(_ page: String) {
    self.page = page
    let bare = page.replacing(/<svg[\s\S]*?<\/svg>/, with: "<svg>")
      .replacing(/(<script[^>]*>)[\s\S]*?<\/script>/) { String($0.1) }
      .replacing(/<style>[\s\S]*?<\/style>/, with: "<style>")
    tags = bare.matches(of: /<[a-z][^>]*>/).map { String($0.0) }
    skeleton = Self.skeleton(bare)
  }

  private let skeleton: [String]

  var text: String { skeleton.joined(separator: "\n") + "\n" }

  func count(of name: String) -> Int {
    tags.count { $0 == "<\(name)>" || $0.hasPrefix("<\(name) ") }
  }

  /// What the page keeps for those who save rows.
  func rowData() throws -> Rows {
    let json = page.firstMatch(
      of: /<script type="application\/json" id="rows">([\s\S]*?)<\/script>/)
    return try JSONDecoder().decode(Rows.self, from: Data((json?.1 ?? "").utf8))
  }

  private static func skeleton(_ bare: String) -> [String] {
    let pattern =
      /<(h[1-3]|table|th|tr|svg|section|details|select|input|option|button|summary)\b([^>]*)>([^<]*)/
    var lines: [String] = []
    var rows = 0
    func endTable() {
      if rows > 0 { lines.append("    \(rows) rows") }
      rows = 0
    }
    for match in bare.matches(of: pattern) {
      let name = String(match.1)
      let text = match.3.trimmingCharacters(in: .whitespacesAndNewlines)
      switch name {
      case "tr": rows += 1
      case "th": lines.append("    column \(text)")
      case "table", "section", "details", "h1", "h2", "h3":
        endTable()
        let id = match.2.firstMatch(of: #/ id="([^"]*)"/#).map { " #\($0.1)" } ?? ""
        lines.append("\(name)\(id) \(text)")
      default:
        let value =
          match.2.firstMatch(of: #/ (?:name|value|id)="([^"]*)"/#).map { " \($0.1)" } ?? ""
        lines.append("  \(name)\(value) \(text)")
      }
    }
    endTable()
    return lines
  }
}
