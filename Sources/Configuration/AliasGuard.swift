// SPDX-License-Identifier: MIT

/// Finds aliases before the YAML library expands them.
///
/// The library compares the keys of each mapping while it reads, and comparing a key that is or
/// holds an alias costs the time of the alias written out, which a short text can make exponential.
/// So a document with aliases is read twice: first with every alias turned into a plain word, which
/// changes no structure and shows where the aliases stand, then, if none stands in a key, as it is.
struct AliasGuard {
  /// The text with a marker for the star of each alias, or `nil` if there is no alias.
  let markedText: String?
  /// Where, in lines and columns from 1, an alias is followed by something that would make it
  /// another word once it is marked, such as `*a:b`.
  let ambiguousPlace: (line: Int, column: Int)?

  /// A letter of the private use area: a plain word may begin with it, and no file has it.
  static let marker: Unicode.Scalar = "\u{E000}"

  init(_ text: String) {
    let scalars = Array(text.unicodeScalars)
    let anchors = Set(Self.names(after: "&", in: scalars).map(\.name))
    let aliases = Self.names(after: "*", in: scalars).filter { anchors.contains($0.name) }
    guard !aliases.isEmpty else {
      markedText = nil
      ambiguousPlace = nil
      return
    }
    let ambiguous = aliases.first { !Self.isSeparated(at: $0.end, in: scalars) }
    var marked = scalars
    for alias in aliases { marked[alias.start] = Self.marker }
    markedText = String(String.UnicodeScalarView(marked))
    ambiguousPlace = ambiguous.map { Self.place(of: $0.start, in: scalars) }
  }

  private typealias Name = (name: String, start: Int, end: Int)

  private static func names(
    after sign: Unicode.Scalar, in scalars: [Unicode.Scalar]
  ) -> [Name] {
    var names: [Name] = []
    var position = 0
    while position < scalars.count {
      let start = position
      position += 1
      guard scalars[start] == sign else { continue }
      while position < scalars.count, isNameLetter(scalars[position]) { position += 1 }
      if position > start + 1 {
        let letters = String(String.UnicodeScalarView(scalars[(start + 1)..<position]))
        names.append((letters, start, position))
      }
    }
    return names
  }

  /// The letters that the YAML library takes into the name of an anchor.
  private static func isNameLetter(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "_", "-": true
    default: false
    }
  }

  /// Whether a plain word that ends here ends where an alias would.
  private static func isSeparated(at offset: Int, in scalars: [Unicode.Scalar]) -> Bool {
    guard offset < scalars.count else { return true }
    let blanks: Set<Unicode.Scalar> = [" ", "\t", "\n", "\r"]
    if scalars[offset] == ":" {
      return offset + 1 == scalars.count || blanks.contains(scalars[offset + 1])
    }
    return blanks.contains(scalars[offset]) || [",", "]", "}"].contains(scalars[offset])
  }

  private static func place(
    of offset: Int, in scalars: [Unicode.Scalar]
  ) -> (line: Int, column: Int) {
    let before = scalars[..<offset]
    let lineStart = before.lastIndex(of: "\n").map { $0 + 1 } ?? 0
    return (before.count { $0 == "\n" } + 1, offset - lineStart + 1)
  }
}
