// SPDX-License-Identifier: MIT

/// Sentences as a template sees them: parts that are plain, strong, code or the number of a row.
enum ProseContext {
  typealias Context = [String: Any]

  static func sentence(_ sentence: Summary.Sentence) -> Context {
    [
      "parts": sentence.parts.flatMap { part -> [Context] in
        switch part {
        case .code(let text): [["code": Escaping.oneLine(text)]]
        case .prose(let text): linked(Escaping.oneLine(text))
        }
      }
    ]
  }

  /// Text in which `#12` leads to the row of that number.
  static func linked(_ text: String) -> [Context] {
    var parts: [Context] = []
    var plain = ""
    var rest = text[...]
    while let mark = rest.firstIndex(of: "#") {
      plain += rest[..<mark]
      rest = rest[rest.index(after: mark)...]
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard !digits.isEmpty else {
        plain += "#"
        continue
      }
      if !plain.isEmpty { parts.append(["plain": plain]) }
      plain = ""
      parts.append(["row": String(digits)])
      rest = rest[digits.endIndex...]
    }
    plain += rest
    return plain.isEmpty ? parts : parts + [["plain": plain]]
  }

  /// The items of a list as ``MethodText`` writes it: a hyphen each, code and strong text marked.
  static func items(_ text: String) -> [Context] {
    text.split(separator: "\n").map { line in
      let item = line.hasPrefix("- ") ? line.dropFirst(2) : line
      return ["parts": marked(item)]
    }
  }

  private static func marked(_ text: Substring) -> [Context] {
    let strong = text.split(separator: "**", omittingEmptySubsequences: false)
    return strong.enumerated().flatMap { index, piece -> [Context] in
      guard index.isMultiple(of: 2) else { return [["strong": String(piece)]] }
      return piece.split(separator: "`", omittingEmptySubsequences: false).enumerated()
        .compactMap { place, text in
          guard !text.isEmpty else { return nil }
          return [place.isMultiple(of: 2) ? "plain" : "code": String(text)]
        }
    }
  }
}
