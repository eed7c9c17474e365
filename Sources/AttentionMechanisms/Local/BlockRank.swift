// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// Documents that see the instruction and themselves, and a question that sees all of them.
///
/// The first `instruction` tokens attend causally to themselves; each of `documents` equal pieces
/// attends to the instruction and causally to itself; the last `question` tokens attend causally to
/// everything. With `sharesInstruction` off, documents see themselves only. Tensors are those of
/// ``Flash``; causal self-attention.
///
/// - Requires: lengths that leave at least one token per document, otherwise ``init(_:shape:)`` throws
///   ``MechanismError/unsupportedShape(mechanism:shape:rule:)``.
/// - Note: Exact on its mask; one document is causal dense attention.
///
/// Source: Gupta et al., *Scalable In-context Ranking with Generative Models* (2025),
/// arXiv:2510.05396, section 3; Ma et al., *Block-Attention for Efficient RAG* (2024),
/// arXiv:2409.15355, whose cached keys are rotated to their place before the operator.
public struct BlockRank: AttentionMechanism {
  public struct Parameters: MechanismParameters {
    public var instruction = 64
    public var documents = 16
    public var question = 64
    public var sharesInstruction = true

    public init() {}

    public static let fields: [ParameterField<Parameters>] = [
      ParameterField("instruction", \.instruction, "First tokens, which every document sees."),
      ParameterField("documents", \.documents, "Documents between instruction and question."),
      ParameterField("question", \.question, "Last tokens, which see everything."),
      ParameterField(
        "sharesInstruction", \.sharesInstruction, "Whether documents see the instruction."),
    ]
  }

  public static let card = MechanismCard(
    id: "blockrank", title: "BlockRank", family: .local,
    origin: Citation(
      "Scalable In-context Ranking with Generative Models", arXiv: "2510.05396", year: 2025),
    summary: "Documents see the instruction and themselves; the question sees everything.",
    patterns: [.causalSelf], exactness: .maskedExact,
    laws: [.rowStochastic, .headEquivariant, .causal],
    cost: "sum over documents of length (instruction + length / 2), and question tokens, in pairs")

  public let parameters: Parameters
  private let shape: AttentionShape
  private let layout: DocumentLayout
  private let heads: HeadPatterns

  public init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    let layout = try DocumentLayout(
      mechanism: "blockrank", instruction: parameters.instruction,
      documents: parameters.documents, question: parameters.question, shape: shape)
    self.parameters = parameters
    self.shape = shape
    self.layout = layout
    let length = shape.queryLength
    let shared = parameters.sharesInstruction ? 0..<parameters.instruction : 0..<0
    heads = HeadPatterns(
      HeadPattern(
        .intersection([
          .union([
            .classes(TokenClasses(layout.segments)), .keys(shared),
            .queries(length - parameters.question..<length),
          ]),
          .sequence(shape),
        ])), shape: shape)
  }

  public var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let segments = layout.segments
    return problem.mapHeads { head, _, _ in
      SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        let (from, to) = (segments[query], segments[key])
        return key <= query
          && (from == to || from == layout.last || parameters.sharesInstruction && to == 0)
      }
    }
  }
}
