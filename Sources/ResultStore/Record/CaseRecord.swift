// SPDX-License-Identifier: MIT

/// Everything that is known about one finished case, on one line of a journal.
///
/// A record stands alone: no other file is needed to read it. It holds no host name and no path.
public struct CaseRecord: Codable, Hashable, Sendable {
  /// The name of this layout; a reader refuses any other.
  public static let currentSchema = "attnbench/1"

  public var schema = CaseRecord.currentSchema
  /// Stable id: the same case has the same id in every run.
  public var caseID: String
  public var suite: String
  public var status: CaseStatus
  /// The command line that repeats this case alone.
  public var command: String
  public var mechanism: MechanismRecord
  public var problem: ProblemRecord
  public var execution: ExecutionRecord
  public var build: BuildRecord
  public var machine: MachineRecord
  public var work: WorkRecord
  public var bounds: BoundsRecord
  public var counts: CountsRecord
  public var timing: Known<TimingRecord>
  public var accuracy: AccuracyRecord
  public var memory: MemoryRecord
  public var counters: [CounterRecord]
  /// Simulated figures beside those that others published; nil where the suite quotes none.
  public var published: [PublishedFigure]?
  /// Figures derived from the rest of the record; nil in records made without them.
  public var metrics: [MetricRecord]?
  /// Wall time of each phase of the case by name [s]; nil in records that do not say.
  public var phases: [String: Double]?

  public init(
    caseID: String, suite: String, status: CaseStatus, command: String,
    mechanism: MechanismRecord, problem: ProblemRecord, execution: ExecutionRecord,
    build: BuildRecord, machine: MachineRecord, work: WorkRecord, bounds: BoundsRecord,
    counts: CountsRecord, timing: Known<TimingRecord>, accuracy: AccuracyRecord,
    memory: MemoryRecord, counters: [CounterRecord], published: [PublishedFigure]? = nil,
    metrics: [MetricRecord]? = nil, phases: [String: Double]? = nil
  ) {
    self.caseID = caseID
    self.suite = suite
    self.status = status
    self.command = command
    self.mechanism = mechanism
    self.problem = problem
    self.execution = execution
    self.build = build
    self.machine = machine
    self.work = work
    self.bounds = bounds
    self.counts = counts
    self.timing = timing
    self.accuracy = accuracy
    self.memory = memory
    self.counters = counters
    self.published = published
    self.metrics = metrics
    self.phases = phases
  }

  /// The timing that may be shown: a case that failed has no speed.
  public var publishableTiming: Known<TimingRecord> {
    guard case .failed(let reason) = status else { return timing }
    return .absent(reason: "no speed is shown for a failed case: \(reason)")
  }
}

/// How far a case came.
public enum CaseStatus: Hashable, Sendable {
  case measured
  /// Accuracy and work were checked; nothing was timed.
  case verifiedOnly
  /// Only bounds were computed.
  case simulatedOnly
  case skipped(reason: String)
  case failed(reason: String)
  /// The measured time is below the roofline floor, or counted work differs from planned work.
  case boundViolated(explanation: String)

  /// The word that stands for this status in files.
  public var word: String {
    switch self {
    case .measured: "measured"
    case .verifiedOnly: "verifiedOnly"
    case .simulatedOnly: "simulatedOnly"
    case .skipped: "skipped"
    case .failed: "failed"
    case .boundViolated: "boundViolated"
    }
  }

  public var explanation: String? {
    switch self {
    case .measured, .verifiedOnly, .simulatedOnly: nil
    case .skipped(let text), .failed(let text), .boundViolated(let text): text
    }
  }
}

extension CaseStatus: Codable {
  private enum CodingKeys: String, CodingKey {
    case state
    case reason
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let word = try container.decode(String.self, forKey: .state)
    func reason() throws -> String { try container.decode(String.self, forKey: .reason) }
    switch word {
    case "measured": self = .measured
    case "verifiedOnly": self = .verifiedOnly
    case "simulatedOnly": self = .simulatedOnly
    case "skipped": self = .skipped(reason: try reason())
    case "failed": self = .failed(reason: try reason())
    case "boundViolated": self = .boundViolated(explanation: try reason())
    default:
      throw DecodingError.dataCorruptedError(
        forKey: .state, in: container, debugDescription: "there is no status '\(word)'")
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(word, forKey: .state)
    try container.encodeIfPresent(explanation, forKey: .reason)
  }
}
