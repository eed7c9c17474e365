// SPDX-License-Identifier: MIT

import AttentionCore

/// Gives every case its tensors and keeps the last ones, since neighbouring cases share them.
public final class InputSource {
  public let seed: Seed
  private let generator: InputGenerator
  private var last: (key: Key, inputs: AttentionInputs)?

  private struct Key: Equatable {
    let input: InputSpecification
    let kind: InputKind
    let shape: AttentionShape
  }

  public init(seed: Seed) {
    self.seed = seed
    generator = InputGenerator(seed: seed)
  }

  /// The tensors of `input` at `shape`.
  ///
  /// - Throws: ``TensorFileError`` if a captured file changed since the suite was read.
  public func inputs(
    _ input: InputSpecification, kind: InputKind, shape: AttentionShape
  ) throws -> AttentionInputs {
    let key = Key(input: input, kind: kind, shape: shape)
    if let last, last.key == key { return last.inputs }
    let inputs: AttentionInputs
    switch input {
    case .generated(let form): inputs = generator.inputs(form, kind: kind, shape: shape)
    case .captured(let file):
      inputs =
        kind == .tokens
        ? generator.inputs(.gaussian, kind: kind, shape: shape) : try file.load()
    }
    last = (key, inputs)
    return inputs
  }
}
