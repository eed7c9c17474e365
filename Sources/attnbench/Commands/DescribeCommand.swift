// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionCore
import AttentionMechanisms

/// One mechanism.
struct DescribeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "describe",
    abstract: "Explain one mechanism: idea, inputs, parameters, weights, cost, paper.",
    discussion: """
      With a shape, weights are given with their extents.

        attnbench describe performer --length 1024 --head-dim 64
      """)

  @Argument(help: "The mechanism's id; `attnbench list` shows all.")
  var id: String
  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var shapeOptions: ShapeOptions

  func run() throws {
    let entry = try MechanismCatalogue.entry(id)
    let card = entry.card
    print("\(entry.id): \(card.title)\n\n\(card.summary)\n")
    let paper = card.origin.arXiv.map { ", arXiv:\($0)" } ?? ""
    let inputs =
      card.inputs == .tokens
      ? "x [batch, sequence, channels], channels = heads x headDim"
      : "q [batch, heads, sequence, headDim], k and v with keyValueHeads"
    print(
      """
      Paper      \(card.origin.title)\(card.origin.year.map { " (\($0))" } ?? "")\(paper)
      Family     \(card.family.rawValue)
      Result     \(card.exactness.rawValue)
      Inputs     \(inputs)
      Patterns   \(card.patterns.sorted().map(\.rawValue).joined(separator: ", "))
      Cost       \(card.cost)
      """)
    printParameters(entry)
    try printWeights(entry)
  }

  private func printParameters(_ entry: MechanismEntry) {
    guard !entry.parameters.isEmpty else { return print("\nParameters none") }
    print("\nParameters (--set name=value)")
    for parameter in entry.parameters {
      let effect = parameter.changesResult ? "" : " (changes the speed only)"
      print("  \(parameter.name) = \(parameter.defaultText)   \(parameter.meaning)\(effect)")
      print("      \(parameter.form)")
    }
  }

  private func printWeights(_ entry: MechanismEntry) throws {
    var options = shapeOptions
    let hasShape = options.length != nil || options.grid != nil
    if !hasShape { options.length = 1024 }
    if !hasShape, !entry.card.patterns.contains(.noncausalSelf) { options.causal = true }
    // Defaults need not fit the example shape; then weights are shown for shapes only.
    guard let mechanism = try? entry.make(try parameters.overrides(), shape: try options.shape())
    else {
      if hasShape { _ = try entry.make(try parameters.overrides(), shape: try options.shape()) }
      return
    }
    guard !mechanism.weightSpecifications.isEmpty else { return print("\nWeights    none") }
    print("\nWeights (apply --weights w.npz), at \(mechanism.plan.shape)")
    for weight in mechanism.weightSpecifications {
      print("  \(weight.name) \(weight.layout) = \(weight.extents)   \(weight.meaning)")
    }
  }
}
