// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import ResultStore
import Simulator

/// Runs the cases of a suite one by one; each is on disk before the next begins.
public struct SuiteRun {
  public struct Options: Sendable {
    /// Parts of case ids.
    ///
    /// A case runs if its id contains any of them; none at all runs every case.
    public var filters: [String] = []
    /// Which share of the cases to run: index and count.
    public var shard: (index: Int, count: Int) = (0, 1)
    /// Wall time after which no further case begins [s].
    public var timeLimit: Double?

    public init() {}
  }

  private let suite: Suite
  private let options: Options

  public init(suite: Suite, options: Options) {
    self.suite = suite
    self.options = options
  }

  /// The cases that filters and shard leave.
  public var selection: [CaseSpecification] {
    let matching = suite.cases.filter { item in
      options.filters.isEmpty || options.filters.contains { item.id.contains($0) }
    }
    return matching.enumerated()
      .filter { $0.offset % options.shard.count == options.shard.index }.map(\.element)
  }

  /// Throws ``SimulatorError`` if the operations of a case exceed 64 bits, or it asks for tiles that
  /// a machine forbids.
  public func check(on machines: [Machine]) throws(SimulatorError) {
    for item in selection {
      try item.mechanism.plan.checkWork()
      guard let query = item.simulation.queryTile, let key = item.simulation.keyTile else {
        continue
      }
      for machine in machines { try machine.allow(TilePair(query: query, key: key)) }
    }
  }

  /// Runs what `writer` does not hold yet and returns every record of the selection.
  ///
  /// - Throws: ``ResultStoreError`` if a record cannot be written.
  public func run(
    with runner: CaseRunner, writer: JournalWriter, observer: any RunObserver,
    phases: PhaseClock = PhaseClock()
  ) throws -> Outcome {
    let cases = selection
    let known = Dictionary(
      writer.existing.records.map { ($0.caseID, $0) }, uniquingKeysWith: { $1 })
    var records: [CaseRecord] = []
    // Not the time of day, which may be set while a run goes on.
    let start = ContinuousClock.now
    runner.onStep = observer.hearsSteps ? { observer.caseReached($0) } : nil
    observer.runBegan(cases: cases.count, finished: cases.count { known[$0.id] != nil })
    for (index, item) in cases.enumerated() {
      if let record = known[item.id] {
        records.append(record)
        continue
      }
      if let limit = options.timeLimit, start.duration(to: .now) > .seconds(limit) {
        observer.runEnded()
        return Outcome(records: records, unreached: cases[index...].count { known[$0.id] == nil })
      }
      observer.caseBegan(item.id, index: index)
      let record = runner.run(item)
      try phases.measure(.journal) { try writer.append(record) }
      records.append(record)
      observer.caseEnded(record, index: index)
    }
    observer.runEnded()
    return Outcome(records: records, unreached: 0)
  }

  public struct Outcome {
    public let records: [CaseRecord]
    /// Cases that the time limit left for a later run.
    public let unreached: Int
  }
}

/// Hears how a run goes; a terminal is one observer.
public protocol RunObserver: AnyObject {
  func runBegan(cases: Int, finished: Int)
  func caseBegan(_ id: String, index: Int)
  /// Whether steps of a case are told at all.
  var hearsSteps: Bool { get }
  func caseReached(_ step: CaseStep)
  func caseEnded(_ record: CaseRecord, index: Int)
  func runEnded()
}

extension RunObserver {
  public var hearsSteps: Bool { false }
  public func caseReached(_ step: CaseStep) {}
}
