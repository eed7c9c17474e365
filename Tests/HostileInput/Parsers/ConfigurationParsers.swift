// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionMechanisms
import Configuration
import Measurement
import Simulator
import SuiteRunner

/// Files that users write: suites, machines, metrics, and settings of mechanisms.
enum ConfigurationParsers {
  static let suite: HostileParser = {
    let keys = [
      "suite", "title", "mode", "seed", "machines", "timing", "cases", "shapes", "inputs",
      "mechanisms", "queryTile", "keyTile", "attentionShare", "published", "measured", "length",
      "grid", "headDim", "valueDim", "heads", "keyValueHeads", "batch", "causal", "scale",
    ]
    return HostileParser(
      // The project's own suites take most of a second each to plan.
      "suite", corpus: Corpus.files(below: "Suites", ending: "smoke.yaml") + Corpus.kept("suite"),
      vocabulary: keys + MechanismCatalogue.ids, shortCount: 300, generate: SuiteGrammar.suite
    ) { bytes in
      let suite = try SuiteFile.read(
        text: String(decoding: bytes, as: UTF8.self), file: "suite.yaml", directory: "no-folder")
      // What the program does with a suite before it looks at any time or memory.
      for item in suite.cases.prefix(4) { try price(item.mechanism) }
    }
  }()

  static let machine = HostileParser(
    "machine",
    corpus: small(Corpus.files(below: "Sources/Simulator/Machines", ending: ".yaml"))
      + Corpus.kept("machine"),
    vocabulary: RateClass.allCases.map(\.rawValue) + [
      "title", "kind", "nativePrecision", "parallelUnits", "clock", "rates", "memory", "links",
      "tiles", "value", "quality", "source", "scope", "bandwidth", "capacity", "query", "key",
    ]
  ) { bytes in
    let document = try ConfigurationDocument(
      text: String(decoding: bytes, as: UTF8.self), file: "machine.yaml")
    let machine = try Machine(id: "machine", document: document)
    let shape = try AttentionShape(queryHeads: 8, queryLength: 4096, headDim: 64)
    let plan = try MechanismCatalogue.entry("flash").make([:], shape: shape).plan
    _ = try plan.floor(on: machine)
  }

  static let metrics = HostileParser(
    "metrics",
    corpus: [Array(MetricCatalogue.builtInText.utf8.prefix(1200)), oneMetric]
      + Corpus.kept("metrics"),
    vocabulary: ["metrics", "name", "title", "about", "formula", "prefers", "larger", "seconds"]
      + ["products / seconds / 1e9", "((((", "1 / 0", "a ? b : c", "-(-(-1))", "[1]"]
  ) { bytes in
    _ = try MetricCatalogue(text: String(decoding: bytes, as: UTF8.self), file: "metrics.yaml")
  }

  private static let oneMetric = Array(
    """
    metrics:
      - name: throughput
        title: Throughput [GFLOP/s]
        about: Product operations per second.
        formula: products / seconds / 1e9
        prefers: larger
    """.utf8)

  static let settings = HostileParser(
    "settings",
    corpus: Corpus.kept("settings") + [
      Array("neighborhood\n1 2 64 16 0 8x8\nwindow=3x3\ndilation=1x2".utf8),
      Array("moba\n1 2 65 16 1\nblockSize=16\ntopK=2".utf8),
      Array("performer\n1 1 65 16 0\nfeatures=32".utf8),
    ],
    vocabulary: MechanismCatalogue.ids, generate: SuiteGrammar.settings
  ) { bytes in
    let lines = String(decoding: bytes, as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false)
    let entry = try MechanismCatalogue.entry(String(lines[0]))
    let words = (lines.count > 1 ? lines[1] : "").split(separator: " ")
    let sizes = words.prefix(5).map { Int($0) ?? 1 } + [1, 1, 64, 16, 0].dropFirst(words.count)
    let shape = try AttentionShape(
      batch: sizes[0], queryHeads: sizes[1], queryLength: sizes[2], headDim: sizes[3],
      causality: sizes[4] == 1 ? .bottomRight : .none,
      grid: words.count > 5 ? Extents(words[5]) : nil)
    var overrides: [String: String] = [:]
    for line in lines.dropFirst(2) {
      let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      overrides[String(parts[0])] = parts.count == 2 ? String(parts[1]) : ""
    }
    try price(entry.make(overrides, shape: shape))
  }

  /// The work of a mechanism, as `simulate` and the header of a record ask for it.
  private static func price(_ mechanism: any AttentionMechanism) throws {
    let plan = mechanism.plan
    try plan.checkWork()
    // Choices from the data are priced row by row: some 100 ns per token, by design.
    let isPricedByRow = plan.stages.contains {
      switch $0 {
      case .attendSelected, .gatedBranches: true
      default: false
      }
    }
    if isPricedByRow, plan.shape.queryLength > 1 << 21 { return }
    _ = plan.work
    _ = plan.operations
    _ = plan.attendedPairsOfHeads
    _ = mechanism.parameterTexts
    _ = mechanism.weightSpecifications
  }

  /// Files with the part of them that a change is likely to meet.
  private static func small(_ files: [[UInt8]]) -> [[UInt8]] {
    files.filter { $0.count < 3000 }
  }
}
