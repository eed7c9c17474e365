// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines

/// Whether a timed call finds its tensors in a cache.
public enum CacheMode: String, Hashable, Sendable, CaseIterable, Codable {
  /// Every call works on the same tensors.
  case warm
  /// Calls take turns on so many copies that a copy has left every cache when its turn comes.
  case cold
}

/// The tensors of one timed alternative: one set, or as many copies as the cache mode needs.
final class InputRotation {
  private let sets: [(inputs: AttentionInputs, output: Tensor<Float>)]
  private var next = 0

  /// Copies that are made at most, whatever the caches: 64 small problems take little memory.
  private static let maximumBytes = 1 << 30

  init(_ inputs: AttentionInputs, outputExtents: [Int], mode: CacheMode, cacheBytes: Int) {
    let first = (inputs: inputs, output: Tensor<Float>(outputExtents))
    let bytes = inputs.byteCount + first.output.byteCount
    let count = mode == .warm ? 1 : Self.copies(of: bytes, cacheBytes: cacheBytes)
    sets = [first] + (1..<max(count, 1)).map { _ in (inputs.copied, Tensor(outputExtents)) }
  }

  /// Sets that take turns.
  var count: Int { sets.count }

  /// Runs `engine` on the next set.
  func run(_ engine: any PreparedAttention) {
    let set = sets[next]
    next = next + 1 == sets.count ? 0 : next + 1
    engine.run(set.inputs, into: set.output)
  }

  /// Lets `engine` choose what it would attend to on the set that the last run was for.
  func select(_ engine: any PreparedAttention) {
    let set = sets[next == 0 ? sets.count - 1 : next - 1]
    _ = engine.select(set.inputs, into: set.output)
  }

  /// Copies whose total is at least twice the cache: one that fits is there no longer by then.
  static func copies(of bytes: Int, cacheBytes: Int) -> Int {
    guard bytes > 0, bytes < 2 * cacheBytes else { return 1 }
    let wanted = (2 * cacheBytes + bytes - 1) / bytes + 1
    return max(1, min(wanted, maximumBytes / bytes))
  }
}

extension AttentionInputs {
  /// Bytes of all tensors.
  var byteCount: Int {
    switch self {
    case .queryKeyValue(let query, let key, let value):
      query.byteCount + key.byteCount + value.byteCount
    case .tokens(let tokens): tokens.byteCount
    }
  }

  /// The same numbers at other addresses.
  fileprivate var copied: AttentionInputs {
    switch self {
    case .queryKeyValue(let query, let key, let value):
      .queryKeyValue(query: query.copied, key: key.copied, value: value.copied)
    case .tokens(let tokens): .tokens(tokens.copied)
    }
  }
}

extension Tensor<Float> {
  fileprivate var copied: Tensor<Float> { Tensor(extents, array) }
}
