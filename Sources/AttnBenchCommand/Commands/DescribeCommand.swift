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
      With a shape, weights are given with their extents. --plot draws who attends to whom: the \
      matrix of queries and keys with full, partial and skipped tiles, and the keys of one query.

        attnbench describe performer --length 1024 --head-dim 64
        attnbench describe neighborhood --set window=7x7 --grid 16x16 --plot mask.svg
        attnbench describe moba --set blockSize=32 --length 512 --causal \\
          --plot moba.png
      """)

  @Argument(help: "The mechanism's id; `attnbench list` shows all.")
  var id: String
  @OptionGroup var parameters: ParameterOptions
  @OptionGroup var shapeOptions: ShapeOptions
  @Option(help: "Draw who attends to whom into this file, .svg or .png, with gnuplot.")
  var plot: String?
  @Option(help: "The query shown on the grid or in detail: an index, or a place such as 8x8.")
  var query: Extents?
  @Option(help: "The query head that is drawn, where heads differ.")
  var head = 0
  @Option(help: "Seed of the sample inputs, for mechanisms that select.")
  var seed: UInt64 = 1

  func run() throws {
    let entry = try MechanismCatalogue.entry(id)
    guard let plot else {
      guard query == nil else { throw Refusal.usage("--query belongs to --plot") }
      return try printCard(entry)
    }
    let facts = try MaskDrawing(entry: entry, settings: parameters, shape: shapeOptions)
      .draw(to: plot, query: query, head: head, seed: Seed(seed))
    print("\(plot): \(facts)")
  }

  private func printCard(_ entry: MechanismEntry) throws {
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
      Result     \(card.kind)
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
    if mechanism.plan.shape.isCausal, let bytes = mechanism.plan.stateBytes {
      print("State      \(bytes) bytes at \(mechanism.plan.shape), whatever the length")
    }
    guard !mechanism.weightSpecifications.isEmpty else { return print("\nWeights    none") }
    print("\nWeights (apply --weights w.npz), at \(mechanism.plan.shape)")
    for weight in mechanism.weightSpecifications {
      print("  \(weight.name) \(weight.layout) = \(weight.extents)   \(weight.meaning)")
    }
  }
}
