// SPDX-License-Identifier: MIT

import Configuration
import Testing

/// Texts that are made to crash a reader or to keep it busy.
struct HostileTextTests {
  private static let chain =
    "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    + (1..<12).map { level in
      "a\(level): &a\(level) [\(Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", "))]\n"
    }.joined()

  @Test func aliasesAreValuesLikeAnyOther() throws {
    let text = """
      base: &base {window: 64}
      cases: [*base, *base]
      other:
        - *base
        - word: &word text
          again: *word
      """
    let mapping = try root(text)
    let cases = try mapping.required("cases").list { node throws(ConfigurationFailure) in
      try node.mapping(keys: ["window"]).required("window").integer()
    }
    #expect(cases == [64, 64])
    let other = try mapping.required("other").list()
    #expect(try other[1].openMapping().required("again").string() == "text")
  }

  @Test(.timeLimit(.minutes(1))) func expansionIsBounded() {
    #expect(
      documentMessage(Self.chain)
        .hasSuffix("holds more than 50000 values with its aliases written out; use fewer aliases"))
  }

  /// The YAML library would compare the keys, which takes the time of 9^12 values.
  @Test(
    .timeLimit(.minutes(1)),
    arguments: [
      "? *a11\n: 1\n", "*a11 : 1\n", "z: {*a11, b: 1}\n", "z: [*a11:b]\n", "z: [*a11 : b]\n",
    ])
  func aliasesInKeysAreRefused(line: String) {
    #expect(
      documentMessage(Self.chain + line).hasSuffix("an alias stands in a key; write the key out"))
  }

  @Test(
    .timeLimit(.minutes(1)), arguments: ["z: {{k: *a11}}\n", "z: [{[*a11]: 1}]\n", "? - *a11\n"])
  func aliasesInsideKeysAreRefused(line: String) {
    #expect(
      documentMessage(Self.chain + line)
        .hasSuffix("a key is a list or a mapping; keys are words"))
  }

  @Test func whatOnlyLooksLikeAnAliasIsText() throws {
    let mapping = try root("a: &x 1\nb: 2 *x and **bold**\nc: \"*x: y\"\n# *note: of no use\n")
    #expect(try mapping.required("b").string() == "2 *x and **bold**")
  }

  @Test(.timeLimit(.minutes(1))) func depthIsBounded() {
    let half = ConfigurationDocument.maximumBytes / 2
    let wide = String(repeating: "a,", count: half - 2_000)
    let texts = [
      String(repeating: "[", count: 2 * half), String(repeating: "{", count: 2 * half),
      String(repeating: "- ", count: half), String(repeating: "[", count: 40) + wide,
      // Every level hashes all that is inside.
      String(repeating: "{", count: 900) + "[" + wide + "]" + String(repeating: "}", count: 900),
      String(repeating: "{ # }\n", count: 500) + "[" + wide,
    ]
    for text in texts {
      let found = documentMessage(text)
      #expect(found.contains("is nested deeper than 32 levels") || found.contains("not valid YAML"))
    }
    #expect(
      documentMessage(String(repeating: "? ", count: half))
        == "card.yaml:1:1: more than 8 question marks stand where a key may begin; "
        + "write keys as words")
    let deepest = String(repeating: "[", count: 32) + "1" + String(repeating: "]", count: 32)
    #expect(documentMessage(deepest) == "no error")
    #expect(documentMessage("[" + deepest + "]").hasSuffix("deeper than 32 levels; flatten it"))
  }

  @Test(.timeLimit(.minutes(1))) func changedDocumentsAnswer() {
    let valid = Array(
      """
      suite: gna # comment
      seed: 42
      base: &base {window: 64, rate: 3.35 TB/s, on: true}
      text: "quo\\u00e9ted"
      block: |
        lines
      cases:
        - {mechanism: neighborhood, grid: 30x48x80, extra: *base}
        - mechanism: 'flash'
          list: [1, 2e3, ~, *base]
      """.utf8)
    let pieces = [
      "*base", "&base ", "{", "}", "[", "]", ": ", "- ", "? ", "|", ">", "\"", "'", "\n",
    ]
    var random = Random(state: 5)
    var refused = 0
    for _ in 0..<2_000 {
      var bytes = valid
      for _ in 0...random.below(4) {
        let place = random.below(bytes.count)
        let end = min(place + 1 + random.below(12), bytes.count)
        switch random.below(5) {
        case 0: bytes[place] = UInt8(random.below(256))
        case 1: bytes.removeSubrange(place..<end)
        case 2: bytes.insert(contentsOf: bytes[place..<end], at: place)
        case 3: bytes.insert(contentsOf: pieces[random.below(pieces.count)].utf8, at: place)
        default: bytes.removeLast(min(end - place, bytes.count - 1))
        }
      }
      let text = String(decoding: bytes, as: UTF8.self)
      do {
        visit(try ConfigurationDocument(text: text, file: "card.yaml").root)
      } catch {
        refused += 1
        #expect("\(error)".hasPrefix("card.yaml:"))
      }
    }
    #expect(refused > 500 && refused < 2_000)
  }

  /// Calls every accessor on every node; what they answer does not matter.
  private func visit(_ node: ConfigurationNode) {
    _ = try? node.integer()
    _ = try? node.number()
    _ = try? node.quantity(.bytesPerSecond)
    _ = try? node.byteCount()
    _ = try? node.boolean()
    _ = try? node.extents()
    _ = try? node.choice(among: ["flash"])
    for element in (try? node.list()) ?? [] { visit(element) }
    for entry in (try? node.openMapping())?.entries ?? [] { visit(entry.value) }
  }

  /// Seeded random numbers, so that a failing text can be made again.
  private struct Random {
    var state: UInt64

    mutating func below(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(bound))
    }
  }
}
