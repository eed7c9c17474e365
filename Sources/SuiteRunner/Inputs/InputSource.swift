// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines

/// Gives every case its tensors and keeps the latest ones, since cases share them.
public final class InputSource {
  public let seed: Seed
  private let generator: InputGenerator
  /// The latest last.
  private var kept: [Entry] = []

  /// Bytes of tensors that are kept beside those of the latest case.
  private static let keptBytes = 256 << 20

  private struct Key: Equatable {
    let input: InputSpecification
    let kind: InputKind
    let shape: AttentionShape
  }

  private final class Entry {
    let key: Key
    let inputs: AttentionInputs
    lazy var checksum = inputs.checksum

    init(key: Key, inputs: AttentionInputs) {
      self.key = key
      self.inputs = inputs
    }
  }

  /// A source whose tensors the workers of `pool` make together, nil leaving them to the caller.
  public init(seed: Seed, pool: WorkerPool? = nil) {
    self.seed = seed
    generator = InputGenerator(seed: seed, pool: pool)
  }

  /// The tensors of `input` at `shape`.
  ///
  /// - Throws: ``TensorFileError`` if a captured file changed since the suite was read.
  public func inputs(
    _ input: InputSpecification, kind: InputKind, shape: AttentionShape
  ) throws -> AttentionInputs {
    try entry(Key(input: input, kind: kind, shape: shape)).inputs
  }

  /// The checksum of these tensors, which is taken once.
  ///
  /// - Throws: as ``inputs(_:kind:shape:)``.
  public func checksum(
    _ input: InputSpecification, kind: InputKind, shape: AttentionShape
  ) throws -> String {
    try entry(Key(input: input, kind: kind, shape: shape)).checksum
  }

  private func entry(_ key: Key) throws -> Entry {
    if let place = kept.lastIndex(where: { $0.key == key }) {
      let found = kept.remove(at: place)
      kept.append(found)
      return found
    }
    let made = Entry(key: key, inputs: try make(key))
    kept.append(made)
    var bytes = 0
    // What is older than the first that does not fit goes.
    let oldest = kept.dropLast().lastIndex { entry in
      bytes += entry.inputs.byteCount
      return bytes > Self.keptBytes
    }
    if let oldest { kept.removeSubrange(...oldest) }
    return made
  }

  private func make(_ key: Key) throws -> AttentionInputs {
    switch key.input {
    case .generated(let form):
      return generator.inputs(form, kind: key.kind, shape: key.shape)
    case .captured(let file):
      return key.kind == .tokens
        ? generator.inputs(.gaussian, kind: key.kind, shape: key.shape) : try file.load()
    }
  }
}
