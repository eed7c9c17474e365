// SPDX-License-Identifier: MIT

import Configuration

/// A figure that reports derive from a record.
public struct Metric: Hashable, Sendable {
  public enum Preference: String, Hashable, Sendable, CaseIterable {
    case larger, smaller, neither
  }

  /// Lower-case words joined by hyphens.
  public let name: String
  /// Title with the unit in brackets.
  public let title: String
  /// What it tells, in a sentence.
  public let about: String
  public let formula: Formula
  /// Which way is better.
  public let prefers: Preference
}

/// The metrics of a YAML file, checked.
///
/// ```yaml
/// metrics:
///   - name: throughput
///     title: Throughput [GFLOP/s]
///     about: Product operations per second.
///     formula: products / seconds / 1e9
///     prefers: larger
/// ```
public struct MetricCatalogue: Hashable, Sendable {
  public let metrics: [Metric]

  /// The metrics that are built into the program.
  ///
  /// - Throws: `ConfigurationFailure` if the built-in file breaks a rule; a test reads it.
  public static func builtIn() throws(ConfigurationFailure) -> Self {
    try Self(text: builtInText, file: "metrics.yaml")
  }

  /// The built-in file as it is written.
  public static var builtInText: String {
    String(decoding: PackageResources.metrics_yaml, as: UTF8.self)
  }

  /// Reads a metric file.
  ///
  /// - Throws: `ConfigurationFailure` with every error of the file: unknown keys, names used twice,
  ///   titles without a unit, formulas that cannot be read.
  public init(text: String, file: String) throws(ConfigurationFailure) {
    let document = try ConfigurationDocument(text: text, file: file)
    let root = try document.root.mapping(keys: ["metrics"], required: ["metrics"])
    var issues = ConfigurationIssues()
    var metrics: [Metric] = []
    for node in try root.required("metrics").list(count: 1...1000) {
      guard
        let metric = issues.collect({ () throws(ConfigurationFailure) in try Self.metric(node) })
      else { continue }
      if metrics.contains(where: { $0.name == metric.name }) {
        issues.add(node.failure("the metric '\(metric.name)' is already there; remove one"))
      }
      metrics.append(metric)
    }
    try issues.throwIfAny()
    self.metrics = metrics
  }

  private static func metric(_ node: ConfigurationNode) throws(ConfigurationFailure) -> Metric {
    let keys = ["name", "title", "about", "formula", "prefers"]
    let map = try node.mapping(keys: keys, required: keys)
    let name = try map.required("name").string()
    guard !name.isEmpty, name.utf8.allSatisfy({ isNameByte($0) }) else {
      throw try map.required("name").failure(
        "'\(name)': a metric's name is lower-case letters, digits and hyphens")
    }
    let title = try map.required("title").string()
    guard title.hasSuffix("]"), title.contains(" [") else {
      throw try map.required("title").failure(
        "'\(title)' has no unit; end it with one in brackets, such as [GB/s], or [1]")
    }
    let formula = try map.required("formula")
    let text = try formula.string()
    let parsed: Formula
    do {
      parsed = try Formula(text, known: MetricQuantity.formulaNames)
    } catch {
      throw formula.failure(error.description)
    }
    return Metric(
      name: name, title: title, about: try map.required("about").string(), formula: parsed,
      prefers: try map.required("prefers").choice(of: Metric.Preference.self))
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    (97...122).contains(byte) || (48...57).contains(byte) || byte == 45
  }
}
