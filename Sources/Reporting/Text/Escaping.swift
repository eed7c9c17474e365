// SPDX-License-Identifier: MIT

/// Text from a record made harmless for the language it is written into.
enum Escaping {
  /// One line without control characters.
  static func oneLine(_ text: String) -> String {
    // Nearly every text of a report: looking up categories would be a tenth of its time.
    if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.map { isControl($0) ? " " : $0 }))
  }

  /// Prose that cannot become markup; brackets stay as they are where they cannot make a link.
  static func markdown(_ text: String) -> String {
    let line = oneLine(text)
    let canLink = zip(line.utf8, line.utf8.dropFirst()).contains { first, second in
      first == UInt8(ascii: "]") && "([:".utf8.contains(second)
    }
    let special = canLink ? "\\`*<|[]" : "\\`*<|"
    guard line.utf8.contains(where: { special.utf8.contains($0) }) else { return line }
    var result = ""
    for character in line {
      if special.contains(character) { result.append("\\") }
      result.append(character)
    }
    return result
  }

  /// A code span; a backtick inside becomes an apostrophe.
  static func markdownCode(_ text: String) -> String {
    var inner = ""
    for character in oneLine(text) {
      switch character {
      case "`": inner.append("'")
      case "|": inner.append("\\|")
      default: inner.append(character)
      }
    }
    return inner.allSatisfy(\.isWhitespace) ? "(none)" : "`\(inner)`"
  }

  /// Printable ASCII only, because pdflatex stops at characters that it has no glyph for.
  static func latex(_ text: String) -> String {
    var result = ""
    for character in oneLine(text) {
      switch character {
      case "\\": result += "\\textbackslash{}"
      case "{", "}", "$", "&", "#", "_", "%": result += "\\\(character)"
      case "^": result += "\\textasciicircum{}"
      case "~": result += "\\textasciitilde{}"
      case "<": result += "\\textless{}"
      case ">": result += "\\textgreater{}"
      case "|": result += "\\textbar{}"
      case "\"": result += "{''}"
      case "-": result += "{-}"
      default: result.append(character.isASCII ? character : "?")
      }
    }
    return result
  }

  /// A field of RFC 4180; a leading formula sign is disarmed for spreadsheets.
  static func csv(_ text: String) -> String {
    var field = oneLine(text)
    if let first = field.first, "=+-@".contains(first) { field = "'" + field }
    guard field.utf8.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: ",") }) else {
      return field
    }
    return "\"" + field.replacing("\"", with: "\"\"") + "\""
  }

  /// Text or an attribute of HTML.
  static func html(_ text: String) -> String {
    var result = ""
    for character in oneLine(text) {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.append(character)
      }
    }
    return result
  }

  /// JSON that can stand in a script element: nothing in it ends the element or a line of code.
  static func script(json: String) -> String {
    var result = ""
    for scalar in json.unicodeScalars {
      switch scalar {
      case "<", ">", "&", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// A single-quoted gnuplot string, in which neither commands nor macros are expanded.
  ///
  /// Quotes become typographic ones, because gnuplot cannot read a doubled quote at the start.
  static func gnuplot(_ text: String) -> String {
    let inner = oneLine(text).map { "`'".contains($0) ? "\u{2019}" : $0 }
    return "'" + String(inner) + "'"
  }

  /// A file's path as a gnuplot string, with every character kept.
  static func gnuplotPath(_ path: String) -> String {
    "'" + path.replacing("'", with: "''") + "'"
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse: true
    default: false
    }
  }
}
