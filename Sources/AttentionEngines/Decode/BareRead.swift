// SPDX-License-Identifier: MIT

/// A read of the whole key-value cache of a decode step and nothing else: what its time is held
/// against.
///
/// It walks the very memory that the step reads, on the same workers, in several streams with
/// prefetches. It is the fastest read that was found.
public final class BareRead: Sendable {
  /// Name of the timed alternative.
  public static let name = "bare read"

  private let engine: PreparedDecode

  init(_ engine: PreparedDecode) {
    self.engine = engine
  }

  /// Reads the cache once; the engine must have run before.
  public func run() {
    engine.readCache()
  }
}
