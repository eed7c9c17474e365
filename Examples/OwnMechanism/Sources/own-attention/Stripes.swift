// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionMechanisms
import AttentionReference

/// Causal attention to a window of recent keys and to every `stride`-th key before it.
///
/// Query `i` sees keys `j <= i` with `i - j < window` or `j mod stride == 0`: an example of a
/// mechanism in one file. Shapes are those of softmax attention.
///
/// - Requires: `window >= 1` and `stride >= 1`, otherwise `init` throws
///   `MechanismError.outOfRange(parameter:value:rule:)`.
struct Stripes: AttentionMechanism {
  struct Parameters: MechanismParameters {
    var window = 512
    var stride = 64

    init() {}

    static let fields: [ParameterField<Parameters>] = [
      ParameterField("window", \.window, "Recent keys that a query sees."),
      ParameterField("stride", \.stride, "Distance between earlier keys that everyone sees."),
    ]
  }

  static let card = MechanismCard(
    id: "stripes", title: "A window and stripes", family: .local,
    origin: Citation("An example of attnbench"),
    summary: "Causal attention to recent keys and to every so many-th key before them.",
    patterns: [.causalSelf], exactness: .maskedExact,
    laws: [.rowStochastic, .headEquivariant, .causal],
    cost: "tokens (window + tokens / (2 stride)) pairs")

  let parameters: Parameters
  private let shape: AttentionShape
  private let heads: HeadPatterns

  init(_ parameters: Parameters, shape: AttentionShape) throws(MechanismError) {
    for (name, value) in [("window", parameters.window), ("stride", parameters.stride)] {
      guard value >= 1 else {
        throw .outOfRange(parameter: name, value: "\(value)", rule: "it must be at least 1")
      }
    }
    self.parameters = parameters
    self.shape = shape
    let stripes = TokenClasses(
      queries: [Int](repeating: 0, count: shape.queryLength),
      keys: (0..<shape.keyLength).map { $0.isMultiple(of: parameters.stride) ? 0 : -1 })
    heads = HeadPatterns(
      HeadPattern(
        .intersection([
          .sequence(shape),
          .union([.band(from: 1 - parameters.window, to: nil), .classes(stripes)]),
        ])), shape: shape)
  }

  /// What the tiled engine runs and the simulator prices.
  var plan: Plan {
    Plan(shape: shape, stages: [.attend(Attend(rule: .patterns(heads)))])
  }

  /// The definition once more, as a predicate in Double: every kernel is checked against it.
  func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    problem.mapHeads { head, _, _ in
      SoftmaxReference.attend(head, scale: shape.softmaxScale) { query, key in
        key <= query && (query - key < parameters.window || key % parameters.stride == 0)
      }
    }
  }
}
