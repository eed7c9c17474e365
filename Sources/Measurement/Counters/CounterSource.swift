// SPDX-License-Identifier: MIT

/// Something that counts events between a start and a stop.
///
/// A source never fails: a counter that cannot count reads as absent, with the reason, and every
/// source names all of its counters in every reading. Start and stop come from one thread.
public protocol CounterSource: AnyObject {
  /// Name that its readings carry, such as `papi`.
  var name: String { get }
  /// Begins to count from zero.
  func start()
  /// Ends counting and returns one reading per counter, always in the same order.
  func stop() -> [CounterReading]
}

/// Several sources that count the same piece of work.
public struct CounterSession {
  private let sources: [any CounterSource]

  public init(_ sources: [any CounterSource]) {
    self.sources = sources
  }

  /// Counts while `work` runs; readings come in the order of the sources.
  ///
  /// Sources are stopped in the reverse order of their start, so that each of them counts the
  /// stopping of the fewest others. Counted work is not timed: counting costs time.
  public func count(_ work: () throws -> Void) rethrows -> [CounterReading] {
    for source in sources { source.start() }
    var readings: [[CounterReading]] = []
    do {
      try work()
    } catch {
      for source in sources.reversed() { _ = source.stop() }
      throw error
    }
    for source in sources.reversed() { readings.append(source.stop()) }
    return readings.reversed().flatMap { $0 }
  }
}
