// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionMechanisms

/// Suites and mechanism settings that follow the grammar and break it in single values.
enum SuiteGrammar {
  private static let sizes = ["1", "2", "8", "63", "64", "65", "130"]
  private static let grids = ["4x4", "12x15", "64", "8x12x10", "7x7x7", "1x1"]
  private static let inputs = [
    "gaussian", "outlier-channels", "rare-large", "correlated-grid", "sink-local",
    "{ file: x.npz }", "[gaussian, rare-large]",
  ]

  /// A suite of a few groups.
  static func suite(_ random: inout SplitMix64) -> [UInt8] {
    var text = "suite: \(HostileWords.mostly(["card", "a-b"], &random))\n"
    if random.integer(below: 2) == 0 {
      text += "seed: \(HostileWords.mostly(sizes, &random, anythingOneIn: 3))\n"
    }
    if random.integer(below: 2) == 0 {
      text += "machines: \(HostileWords.mostly(["host", "[h100, b200]", "./a.yaml"], &random))\n"
    }
    if random.integer(below: 3) == 0 {
      text += "timing: { target: \(HostileWords.mostly(["1 %", "10 %"], &random)), "
      text += "timePerCase: \(HostileWords.mostly(["10 ms", "3 s"], &random)), "
      text += "peakSamples: \(HostileWords.mostly(["0", "9"], &random)), "
      text += "processes: \(HostileWords.mostly(["1", "2"], &random)) }\n"
    }
    text += "cases:\n"
    for _ in 0...random.integer(below: 3) { text += group(&random) }
    return Array(text.utf8)
  }

  private static func group(_ random: inout SplitMix64) -> String {
    var text = "  - shapes: \(shape(&random))\n"
    if random.integer(below: 3) == 0 {
      text += "    inputs: \(HostileWords.mostly(inputs, &random))\n"
    }
    if random.integer(below: 6) == 0 {
      text += "    queryTile: \(HostileWords.mostly(grids, &random))\n"
      text += "    keyTile: \(HostileWords.mostly(grids, &random))\n"
    }
    text += "    mechanisms:\n"
    for _ in 0...random.integer(below: 2) {
      let entry = entry(&random)
      let settings = settings(of: entry, &random).map { "\($0.name): \($0.text)" }
      let braces = settings.isEmpty ? "" : ": { \(settings.joined(separator: ", ")) }"
      text += "      - \(HostileWords.mostly([entry.id], &random))\(braces)\n"
    }
    return text
  }

  private static func shape(_ random: inout SplitMix64) -> String {
    var parts: [String] = []
    if random.integer(below: 2) == 0 {
      parts.append("grid: \(HostileWords.mostly(grids, &random))")
    } else {
      parts.append("length: \(HostileWords.mostly(sizes, &random, anythingOneIn: 6))")
    }
    parts.append("headDim: \(HostileWords.mostly(["16", "64", "1"], &random))")
    for key in ["batch", "heads", "keyValueHeads", "keyLength", "valueDim", "causal", "scale"]
    where random.integer(below: 4) == 0 {
      let usual = key == "causal" ? ["true"] : ["1", "2", "8"]
      parts.append("\(key): \(HostileWords.mostly(usual, &random, anythingOneIn: 4))")
    }
    return "{ \(parts.joined(separator: ", ")) }"
  }

  /// A mechanism, a shape and settings: `id`, `batch heads length headDim causal [grid]`, then
  /// one `name=value` to a line.
  static func settings(_ random: inout SplitMix64) -> [UInt8] {
    let entry = entry(&random)
    let grid = random.integer(below: 3)
    // What fits a grid or has causal order is decided by the card; both are worth asking for.
    let extents = ["", " 8x8", " 4x4x4"][grid]
    let length = ["65", "64", "64"][grid]
    var lines = [entry.id, "1 2 \(length) 16 \(random.integer(below: 2))\(extents)"]
    for setting in settings(of: entry, &random) { lines.append("\(setting.name)=\(setting.text)") }
    return Array(lines.joined(separator: "\n").utf8)
  }

  private static func entry(_ random: inout SplitMix64) -> MechanismEntry {
    let entries = MechanismCatalogue.entries
    return entries[random.integer(below: entries.count)]
  }

  private static func settings(
    of entry: MechanismEntry, _ random: inout SplitMix64
  ) -> [(name: String, text: String)] {
    var settings: [(name: String, text: String)] = []
    for field in entry.parameters where random.integer(below: 2) == 0 {
      let usual = [field.defaultText, "1", "2", "8", "16", "64", "8x8", "3x3", "true", "none"]
      settings.append((field.name, HostileWords.mostly(usual, &random, anythingOneIn: 3)))
    }
    return settings
  }
}
