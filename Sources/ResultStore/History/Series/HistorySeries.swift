// SPDX-License-Identifier: MIT

/// What tells one series from another: any difference begins a new one.
public struct SeriesKey: Hashable, Sendable {
  public let caseID: String
  public let metric: HistoryMetric
  /// Fingerprint of the machine.
  public let machine: String
  public let threads: Int
  public let toolchain: Toolchain

  public init(
    caseID: String, metric: HistoryMetric, machine: String, threads: Int, toolchain: Toolchain
  ) {
    self.caseID = caseID
    self.metric = metric
    self.machine = machine
    self.threads = threads
    self.toolchain = toolchain
  }
}

/// What turned the sources into the instructions that ran.
public struct Toolchain: Hashable, Sendable, CustomStringConvertible {
  /// Such as `Swift 6.3`.
  public let compiler: String
  /// Name of the kernel table, such as `avx512_bf16`.
  public let kernels: String

  public init(compiler: String, kernels: String) {
    self.compiler = compiler
    self.kernels = kernels
  }

  public var description: String { "\(compiler), \(kernels) kernels" }
}

/// The values of one metric of one case on one machine, in order of time.
public struct HistorySeries: Hashable, Sendable {
  public let key: SeriesKey
  public let machine: MachineRecord
  public let points: [HistoryPoint]

  public init(key: SeriesKey, machine: MachineRecord, points: [HistoryPoint]) {
    self.key = key
    self.machine = machine
    self.points = points
  }

  /// Such as `zen4-2c-avx512, 2 threads, Swift 6.3, avx512_bf16 kernels`.
  public var place: String {
    "\(machine.slug), \(key.threads) thread\(key.threads == 1 ? "" : "s"), \(key.toolchain)"
  }
}

/// One run of a case as its series keeps it.
public struct HistoryPoint: Hashable, Sendable {
  public let run: HistoryRun
  /// Commit of the sources, or `unknown`.
  public let commit: String
  public let value: Double
  /// 95 % interval; nil where there is none.
  public let interval: Interval?
  /// Samples behind the value, and those that were disturbed; nil where it was not sampled.
  public let samples: Int?
  public let disturbed: Int?

  public init(
    run: HistoryRun, commit: String, value: Double, interval: Interval? = nil,
    samples: Int? = nil, disturbed: Int? = nil
  ) {
    self.run = run
    self.commit = commit
    self.value = value
    self.interval = interval
    self.samples = samples
    self.disturbed = disturbed
  }

  /// Why the value is not compared with others, such as `interval 9.1 % wide`; nil if it is.
  ///
  /// Values that were not sampled are fit. Where there were too few samples for an interval, one in
  /// five of them may be disturbed.
  public var flaw: String? {
    if let interval {
      guard interval.relativeWidth > TimingRecord.widestInterval else { return nil }
      return "interval \((interval.relativeWidth * 1000).rounded() / 10) % wide"
    }
    guard let samples, let disturbed, disturbed * 5 > samples else { return nil }
    return "\(disturbed) of \(samples) samples disturbed"
  }

  /// Whether the value may be compared with others.
  public var isFit: Bool { flaw == nil }
}

/// A run that a history knows: a night, or any other run that was imported.
public struct HistoryRun: Hashable, Sendable, Comparable {
  /// Fingerprint of the run's header, by which copies of one run are known as one.
  public let key: String
  /// Name of its folder; of several copies the first in the alphabet.
  public let name: String
  public let suite: String
  /// UTC time in ISO 8601; empty if the run does not know it.
  public let startedAt: String

  public init(key: String, name: String, suite: String, startedAt: String) {
    self.key = key
    self.name = name
    self.suite = suite
    self.startedAt = startedAt
  }

  /// By time, then by name; runs without a time come first.
  public static func < (first: HistoryRun, second: HistoryRun) -> Bool {
    (first.startedAt, first.name, first.key) < (second.startedAt, second.name, second.key)
  }
}

/// How one case of one run ended.
public struct HistoryOutcome: Hashable, Sendable {
  public let run: HistoryRun
  public let caseID: String
  /// Word of ``CaseStatus``.
  public let state: String
  public let reason: String?

  public init(run: HistoryRun, caseID: String, state: String, reason: String?) {
    self.run = run
    self.caseID = caseID
    self.state = state
    self.reason = reason
  }
}
