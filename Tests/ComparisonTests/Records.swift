// SPDX-License-Identifier: MIT

import AttentionCore
import Comparison
import ResultStore
import Statistics

/// Small records and pairs for tests.
enum Records {
  /// What sets one record apart from the others.
  struct Settings {
    var mechanism = "neighborhood"
    var family = MechanismFamily.local
    var status = CaseStatus.measured
    var milliseconds = 2.0
    var flashMilliseconds = 8.0
    var peak = 280.0
    /// Relative spread of the samples.
    var spread = 0.01
    var tiles = 100
    var workspace = 4096
    var relativeL2 = 5e-7
    var fingerprint = "ab12"
    var table = "avx512"
    var checksum = "00ff"
    var seed: UInt64 = 1
    var instructions: Double?
  }

  static func record(_ caseID: String, _ settings: Settings = Settings()) throws -> CaseRecord {
    let shape = try AttentionShape(queryHeads: 2, queryLength: 65, headDim: 64)
    var counts = EngineCounts()
    counts.tilesVisited = settings.tiles
    let counters =
      settings.instructions.map {
        [CounterRecord(name: "instructions", unit: "1", source: "cachegrind", value: .value($0))]
      } ?? []
    return CaseRecord(
      caseID: caseID, suite: "gate", status: settings.status, command: "attnbench run '\(caseID)'",
      mechanism: MechanismRecord(
        id: settings.mechanism, title: "", family: settings.family, exactness: .exact,
        parameters: [:]),
      problem: ProblemRecord(
        shape: shape, precision: "f32",
        input: InputRecord(kind: "gaussian", seed: 7, checksum: .value(settings.checksum))),
      execution: ExecutionRecord(
        threads: 2, affinity: "0,1", kernelTable: settings.table, startedAt: "unknown",
        conditions: [:]),
      build: BuildRecord(
        attnbenchVersion: "0.1.0", commit: "unknown", compiler: "Swift 6.3", libraries: [:],
        openBLASCore: "SkylakeX", openBLASInherited: [:]),
      machine: MachineRecord(
        cpu: "a CPU", fingerprint: settings.fingerprint, slug: "cpu-2c", cores: 2),
      work: WorkRecord(
        attendedPairs: .value(8450), operations: OperationCounts([.float32: 1_081_600]),
        denseOperations: OperationCounts([.float32: 1_081_600]), bytesRead: 1, bytesWritten: 1,
        tiles: .absent(reason: "none")),
      bounds: BoundsRecord(
        flop: .value(1), tile: .absent(reason: "none"), worstTile: .absent(reason: "none"),
        machines: []),
      counts: CountsRecord(measured: .value(counts), expected: .value(counts)),
      timing: .value(timing(settings)),
      accuracy: AccuracyRecord(
        oracle: .value(
          OracleError(
            shape: shape, maxAbsolute: 1e-6, relativeL2: settings.relativeL2, worstRow: 1e-6,
            passed: true, tolerance: 3e-6, toleranceReason: "rounding")),
        dense: .absent(reason: "not asked for")),
      memory: MemoryRecord(
        workspaceBytes: .value(settings.workspace), peakResidentBytes: .absent(reason: "none")),
      counters: counters)
  }

  /// Times that drift together, each with its own small noise.
  private static func timing(_ settings: Settings) -> TimingRecord {
    var generator = ResamplingGenerator(seed: settings.seed)
    func noise() -> Double {
      1 + settings.spread * (Double(generator.index(below: 2001)) / 1000 - 1)
    }
    var own: [Double] = []
    var flash: [Double] = []
    for round in 0..<21 {
      let drift = 1 + 0.2 * Double(round % 7)
      own.append(settings.milliseconds * 1e6 * drift * noise())
      flash.append(settings.flashMilliseconds * 1e6 * drift * noise())
    }
    func alternative(
      _ role: TimedAlternative.Role, _ samples: [Double], _ median: Double
    ) -> TimedAlternative {
      TimedAlternative(
        role: role, name: "", precision: "f32", samplesNanoseconds: samples,
        medianNanoseconds: median * 1e6, madNanoseconds: 0,
        intervalNanoseconds: ResultStore.Interval(low: 0, high: 0), minNanoseconds: 0,
        p90Nanoseconds: 0, disturbed: 0)
    }
    let none = Quantity.absent(reason: "not asked for")
    return TimingRecord(
      alternatives: [
        alternative(.mechanism, own, settings.milliseconds),
        alternative(.flashBaseline, flash, settings.flashMilliseconds),
      ], speedUpOverFlash: .absent(reason: "none"), speedUpOverDense: .absent(reason: "none"),
      realisedShare: none, floorShare: none, flashFloorShare: none, gigaflopsPerSecond: none,
      adjacentPeakGigaflopsPerSecond: .value(settings.peak), shareOfPeak: none, cache: "warm",
      stop: "time limit")
  }

  /// Pairs of several processes whose true ratio is `ratio`.
  static func pairs(
    ratio: Double, milliseconds: Double = 2, processes: Int = 5, pairs: Int = 8,
    between: Double = 0.002, within: Double = 0.01, disturbed: Int = 0,
    _ generator: inout ResamplingGenerator
  ) -> [PairedTimes] {
    func normal() -> Double {
      (0..<12).reduce(-6.0) { sum, _ in sum + Double(generator.index(below: 1 << 20)) * 0x1p-20 }
    }
    return (0..<processes).map { _ in
      let level = ratio * (1 + between * normal())
      let base = (0..<pairs).map { _ in milliseconds * 1e6 * (1 + 0.3 * abs(normal())) }
      return PairedTimes(
        numerators: base.map { $0 * level * (1 + within * normal()) }, denominators: base,
        disturbedNumerators: Array(0..<disturbed))
    }
  }

  /// A judgement that says just `verdict`.
  static func judgement(
    _ verdict: Verdict, disturbed: Int = 0, seed: UInt64 = 1
  ) throws -> TimeJudgement? {
    let ratios: [Verdict: Double] = [.faster: 0.8, .slower: 1.2, .same: 1, .ambiguous: 1.03]
    var generator = ResamplingGenerator(seed: seed)
    let judgement = TimeJudgement(
      .interleaved(
        pairs(
          ratio: ratios[verdict] ?? 1, between: verdict == .ambiguous ? 0.02 : 0.002,
          disturbed: disturbed, &generator)),
      policy: ComparisonPolicy())
    return judgement?.verdict == verdict ? judgement : nil
  }
}
