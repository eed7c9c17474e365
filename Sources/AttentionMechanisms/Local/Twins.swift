// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Attention inside windows of a token grid, or to the means of its cells.
///
/// `local`: a query sees the keys of its own window of `window` positions per axis. `global`: it
/// sees the mean key and value of every cell of `reduction` positions per axis, each as one key. A
/// layer runs one part after the other. Tensors are those of ``Flash``; bidirectional
/// self-attention on a grid of rank 1 to 3.
///
/// - Requires: window and cells of at least one position, otherwise ``init(_:shape:)`` throws
///   ``MechanismError/outOfRange(parameter:value:rule:)``.
/// - Note: `reduction == 1` is dense attention. The paper reduces the features by a strided
///   convolution before the key and value projections; means stand for it here, its value for equal
///   weights. Where a cell does not divide an axis the last one is shorter and weighs the same.
///
/// Source: Chu et al., *Twins* (2021), arXiv:2104.13840, section 3.2.
public struct Twins: AttentionMechanism {
  public enum Part: String, ParameterChoice {
    case local, global
  }

  public struct Parameters: MechanismParameters {
    public var part = Part.local
    public var window: Extents = [7]
    public var reduction: Extents = [8]

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("part", \.part, "Windows, or means of cells."),
      ParameterField("window", \.window, "local: positions of a window, per axis."),
      ParameterField("reduction", \.reduction, "global: positions of a cell, per axis."),
    ]
  }

  public static let card = MechanismCard(
    id: "twins", title: "Locally grouped and globally sub-sampled attention", family: .local,
    origin: Citation(
      "Twins: Revisiting the Design of Spatial Attention in Vision Transformers",
      arXiv: "2104.13840", year: 2021),
    summary: "Attention inside windows, or to the mean key and value of every cell.",
    patterns: [.noncausalSelf], exactness: .approximate,
    laws: [.rowStochastic, .headEquivariant],
    cost: "tokens prod(window) pairs, or tokens^2 / prod(reduction)")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let layout: GridLayout
  private let size: Extents
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    let layout = try GridLayout("twins", shape: shape)
    let window = try layout.perAxis("window", parameters.window, atLeast: 1)
    let reduction = try layout.perAxis("reduction", parameters.reduction, atLeast: 1)
    self.parameters = parameters
    self.shape = shape
    self.layout = layout
    let size = parameters.part == .local ? window : reduction
    self.size = size
    let labels = layout.labels { $1 / size[$0] }
    guard parameters.part == .global else {
      heads = HeadPatterns(
        HeadPattern(.classes(TokenClasses(labels)), order: .classes(labels)), shape: shape)
      return
    }
    var cells = [[Range<Int>]](repeating: [], count: (labels.max() ?? -1) + 1)
    for (token, label) in labels.enumerated() { cells[label].append(token..<token + 1) }
    heads = HeadPatterns(
      HeadPattern(.keys(0..<0), summaries: .all),
      summaries: KeySummaries(groups: SpanTable(cells), weighsAsGroup: false), shape: shape)
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let positions = layout.positions(count: shape.queryLength).map { $0 ?? [] }
    let cells = positions.map { position in zip(position, size.values).map { $0 / $1 } }
    return problem.mapHeads { head, _, _ in
      guard parameters.part == .global else {
        return SoftmaxReference.attend(head, scale: shape.softmaxScale) { cells[$0] == cells[$1] }
      }
      var means = ReferenceHead(
        query: head.query, key: Rows(count: 0, width: head.key.width),
        value: Rows(count: 0, width: head.value.width))
      for members in Dictionary(grouping: cells.indices, by: { cells[$0] }).values {
        means = ReferenceHead(
          query: head.query, key: means.key.appendingMean(of: members, in: head.key),
          value: means.value.appendingMean(of: members, in: head.value))
      }
      return SoftmaxReference.attend(means, scale: shape.softmaxScale) { _, _ in true }
    }
  }
}
