// SPDX-License-Identifier: MIT

import Foundation

/// gnuplot's SVG as a part of a page: ids of its own, colours that follow the page's theme.
enum InlinePicture {
  /// Colours that have a counterpart in the dark theme; a style sheet names it by the same digits.
  private static let themed = [
    "000000", "202020", "303030", "404040", "505050", "707070", "909090", "B0B0B0", "E2E2E2",
    "C4CBD2", "0072B2", "D55E00", "009E73", "CC79A7", "E69F00", "56B4E9",
  ]

  /// The `svg` element of a picture; `label` is what a screen reader says, `prefix` begins its ids.
  static func text(_ svg: String, label: String, prefix: String) -> String? {
    guard let start = svg.range(of: "<svg"), let open = svg[start.upperBound...].range(of: ">"),
      let end = svg.range(of: "</svg>", options: .backwards)
    else { return nil }
    var body = String(svg[open.upperBound..<end.lowerBound])
    if let title = body.range(of: "<title>Gnuplot</title>") { body.removeSubrange(title) }
    if let first = body.range(of: "<desc>"), let last = body.range(of: "</desc>") {
      body.removeSubrange(first.lowerBound..<last.upperBound)
    }
    body = TextSubstitution(identifiers(prefix) + colors).applied(to: body)
    let box = attribute("viewBox", in: svg[start.upperBound..<open.lowerBound]) ?? "0 0 1200 620"
    return "<svg viewBox=\"\(box)\" role=\"img\" aria-label=\"\(Escaping.html(label))\">"
      + body + "</svg>"
  }

  private static func attribute(_ name: String, in tag: Substring) -> String? {
    guard let start = tag.range(of: "\(name)=\"") else { return nil }
    let value = tag[start.upperBound...].prefix { $0 != "\"" }
    return value.allSatisfy { $0.isNumber || $0 == " " || $0 == "." } ? String(value) : nil
  }

  private static func identifiers(_ prefix: String) -> [(String, String)] {
    [
      (" id='", " id='\(prefix)"), (" id=\"", " id=\"\(prefix)"),
      ("xlink:href='#", "href='#\(prefix)"),
      ("url(#", "url(#\(prefix)"), ("xlink:href='data:image/png", "href='data:image/png"),
      ("<image ", "<image style='image-rendering:pixelated' "),
    ]
  }

  /// gnuplot writes a colour in three ways, and names black.
  private static let colors: [(String, String)] = {
    var pairs = themed.flatMap { digits -> [(String, String)] in
      let value = Int(digits, radix: 16) ?? 0
      let (red, green, blue) = (value >> 16, value >> 8 & 255, value & 255)
      let variable = "var(--c\(digits.lowercased()),#\(digits.lowercased()))"
      func padded(_ number: Int) -> String {
        String(repeating: " ", count: 3 - String(number).count) + String(number)
      }
      return [
        ("rgb(\(padded(red)), \(padded(green)), \(padded(blue)))", variable),
        ("rgb(\(red),\(green),\(blue))", variable),
      ]
    }
    let black = "var(--c000000,#000000)"
    for quote in ["'", "\""] {
      for name in ["stroke", "fill", "color"] {
        pairs.append(("\(name)=\(quote)black\(quote)", "\(name)=\(quote)\(black)\(quote)"))
      }
    }
    pairs.append(("fill=\"#ffffff\"", "fill=\"none\""))
    return pairs
  }()
}
