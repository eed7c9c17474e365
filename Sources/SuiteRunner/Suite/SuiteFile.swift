// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionMechanisms
import Configuration
import Foundation
import Simulator

/// Reads suites from YAML, strictly, and reports up to twenty errors at once with their places.
///
/// A suite is a list of groups; a group is the product of its shapes, inputs and mechanisms:
///
/// ```yaml
/// suite: card
/// seed: 7
/// machines: [host, h100]
/// cases:
///   - shapes: { heads: 8, length: 4096, headDim: 64 }
///     inputs: [gaussian, correlated-grid]
///     mechanisms:
///       - flash
///       - neighborhood: { window: 256 }
/// ```
public struct SuiteFile {
  private static let keys = [
    "suite", "title", "mode", "seed", "machines", "timing", "cases",
  ]
  private static let groupKeys = [
    "shapes", "inputs", "mechanisms", "queryTile", "keyTile", "attentionShare", "published",
    "measured",
  ]

  /// Most cases of a suite.
  static let maximumCases = 10_000

  private let directory: String
  private let cache: CacheMode
  private var issues = ConfigurationIssues()

  /// Reads the suite at `path`.
  ///
  /// - Throws: ``ConfigurationFailure`` with every error of the file.
  public static func read(path: String) throws(ConfigurationFailure) -> Suite {
    let document = try ConfigurationDocument(path: path)
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    return try read(document.root, text: text, directory: directory)
  }

  /// Reads a suite from `text`; files that it names are relative to `directory`.
  public static func read(
    text: String, file: String, directory: String
  ) throws(ConfigurationFailure) -> Suite {
    let document = try ConfigurationDocument(text: text, file: file)
    return try read(document.root, text: text, directory: directory)
  }

  private static func read(
    _ node: ConfigurationNode, text: String, directory: String
  ) throws(ConfigurationFailure) -> Suite {
    let root = try node.mapping(keys: keys, required: ["suite", "cases"])
    let timing = try timing(root.optional("timing"))
    var reader = SuiteFile(directory: directory, cache: timing.cache)
    let suite = Suite(
      name: try root.required("suite").string(),
      title: try root.optional("title")?.string() ?? "",
      mode: try root.optional("mode")?.choice(of: Suite.Mode.self) ?? .measure,
      seed: Seed(UInt64(try root.optional("seed")?.integer(in: 0...Int.max) ?? 0)),
      machines: try root.optional("machines")?.oneOrMore { (node) throws(ConfigurationFailure) in
        try reader.machine(node)
      } ?? ["host"],
      timing: timing,
      cases: try reader.cases(root.required("cases")), text: text)
    try reader.issues.throwIfAny()
    return suite
  }

  /// The id of a machine, or the path of its file, which a suite gives relative to itself.
  private func machine(_ node: ConfigurationNode) throws(ConfigurationFailure) -> String {
    let name = try node.string()
    guard case .file(let path) = MachineSource(name), !path.hasPrefix("/") else { return name }
    let resolved = directory == "." ? path : directory + "/" + path
    guard FileManager.default.fileExists(atPath: resolved) else {
      throw node.failure(
        "there is no machine file '\(resolved)'; paths are relative to the suite's own folder")
    }
    return resolved
  }

  private static func timing(
    _ node: ConfigurationNode?
  ) throws(ConfigurationFailure) -> SuiteTiming {
    var timing = SuiteTiming()
    guard let node else { return timing }
    let map = try node.mapping(
      keys: [
        "target", "minimumRounds", "maximumRounds", "timePerCase", "cache", "processes",
        "peakSamples",
      ])
    if let value = map.optional("target") {
      timing.targetWidth = try value.quantity(.ratio, in: 0.0001...1)
    }
    if let value = map.optional("minimumRounds") {
      timing.minimumRounds = try value.integer(in: 2...10_000)
    }
    if let value = map.optional("maximumRounds") {
      timing.maximumRounds = try value.integer(in: timing.minimumRounds...100_000)
    }
    if let value = map.optional("timePerCase") {
      timing.secondsPerCase = try value.quantity(.seconds, in: 0.01...86_400)
    }
    if let value = map.optional("cache") { timing.cache = try value.choice(of: CacheMode.self) }
    if let value = map.optional("processes") {
      timing.processes = try value.integer(in: 1...64)
    }
    if let value = map.optional("peakSamples") {
      timing.peakSamples = try value.integer(in: 0...10_000)
    }
    return timing
  }

  private mutating func cases(
    _ node: ConfigurationNode
  ) throws(ConfigurationFailure) -> [CaseSpecification] {
    var cases: [CaseSpecification] = []
    var known: Set<String> = []
    for group in try node.list(count: 1...10_000) {
      let reader = self
      let made = issues.collect { () throws(ConfigurationFailure) in try reader.group(group) }
      guard cases.count + (made?.count ?? 0) <= Self.maximumCases else {
        throw group.failure(
          "with this group the suite has more than \(Self.maximumCases) cases; split it")
      }
      for item in made ?? [] {
        guard known.insert(item.id).inserted else {
          issues.add(group.failure("the case '\(item.id)' is already in the suite; remove one"))
          continue
        }
        cases.append(item)
      }
    }
    return cases
  }

  private func group(_ node: ConfigurationNode) throws(ConfigurationFailure) -> [CaseSpecification]
  {
    let map = try node.mapping(keys: Self.groupKeys, required: ["mechanisms"])
    let inputs =
      try map.optional("inputs")?.oneOrMore { (node) throws(ConfigurationFailure) in
        try InputFile.specification(node, directory: directory)
      } ?? [.generated(.gaussian)]
    let shapes =
      try map.optional("shapes")?.oneOrMore { (node) throws(ConfigurationFailure) in
        try ShapeFile.overrides(node)
      } ?? [ShapeFile()]
    let simulation = try simulationRequest(map)
    let mechanisms = try map.required("mechanisms").oneOrMore {
      (node) throws(ConfigurationFailure) in try MechanismReference(node)
    }
    // A few lists multiply to more than any memory holds.
    let count = shapes.count * inputs.count * mechanisms.count
    guard count <= Self.maximumCases else {
      throw node.failure(
        "\(shapes.count) shapes, \(inputs.count) inputs and \(mechanisms.count) mechanisms make "
          + "\(count) cases; a suite has at most \(Self.maximumCases)")
    }
    var cases: [CaseSpecification] = []
    for shape in shapes {
      for input in inputs {
        let resolved = try shape.shape(input: input, at: node)
        for mechanism in mechanisms {
          cases.append(
            try mechanism.makeCase(
              shape: resolved, input: input, simulation: simulation, cache: cache))
        }
      }
    }
    return cases
  }

  private func simulationRequest(
    _ map: ConfigurationMapping
  ) throws(ConfigurationFailure) -> SimulationRequest {
    var request = SimulationRequest()
    request.queryTile = try map.optional("queryTile").map { (node) throws(ConfigurationFailure) in
      Extents(try node.extents(rank: 1...3))
    }
    request.keyTile = try map.optional("keyTile").map { (node) throws(ConfigurationFailure) in
      Extents(try node.extents(rank: 1...3))
    }
    request.attentionShare = try map.optional("attentionShare")?.quantity(.ratio, in: 0...1)
    let names = FigureName.allCases.map(\.rawValue)
    for entry in try map.optional("published")?.mapping(keys: names).entries ?? [] {
      guard let name = FigureName(rawValue: entry.key) else { continue }
      _ = try entry.value.number()
      request.published[name] = try entry.value.string()
    }
    for entry in try map.optional("measured")?.openMapping().entries ?? [] {
      request.measured[entry.key] = try entry.value.number()
    }
    return request
  }
}

/// A mechanism as a suite names it: an id, or an id with parameters.
private struct MechanismReference {
  let id: String
  let overrides: [String: String]
  let node: ConfigurationNode

  init(_ node: ConfigurationNode) throws(ConfigurationFailure) {
    self.node = node
    guard node.kind == .mapping else {
      id = try node.string()
      overrides = [:]
      return
    }
    let map = try node.openMapping()
    guard map.entries.count == 1, let entry = map.entries.first else {
      throw node.failure(
        "a mechanism is an id or one id with its parameters, such as neighborhood: { window: 7x7 }")
    }
    id = entry.key
    var overrides: [String: String] = [:]
    for parameter in try entry.value.openMapping().entries {
      overrides[parameter.key] = try parameter.value.string()
    }
    self.overrides = overrides
  }

  func makeCase(
    shape: AttentionShape, input: InputSpecification, simulation: SimulationRequest,
    cache: CacheMode
  ) throws(ConfigurationFailure) -> CaseSpecification {
    do {
      return try CaseSpecification(
        mechanismID: id, overrides: overrides, shape: shape, input: input, simulation: simulation,
        cache: cache, place: node.place)
    } catch {
      throw node.failure(error.hintedDescription)
    }
  }
}

extension MechanismError {
  /// The description with a "did you mean" where a name is close to a known one.
  public var hintedDescription: String {
    guard let misspelling,
      let nearest = EditDistance.nearest(to: misspelling.word, among: misspelling.known)
    else { return description }
    return description + ". Did you mean '\(nearest)'?"
  }
}
