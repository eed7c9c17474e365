// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import ResultStore

/// Small records and folders for tests.
enum Sample {
  static let header = RunHeader(
    suite: "smoke", suiteFingerprint: TextFingerprint("cases: []").description, seed: 7,
    options: ["threads": "1"], attnbenchVersion: "0.1.0", startedAt: "2025-01-01T00:00:00Z",
    ceilings: [
      HostCeilings(
        threads: 1, compute: [.init(name: "f32", gigaflopsPerSecond: 287)],
        bandwidth: [.init(name: "memory", gigabytesPerSecond: 42)])
    ])

  static func record(_ caseID: String, status: CaseStatus = .measured) throws -> CaseRecord {
    let shape = try AttentionShape(queryHeads: 2, queryLength: 65, headDim: 64)
    var counts = EngineCounts()
    counts.tilesVisited = 27
    counts.rescales = 3
    var expected = counts
    expected.rescales = 0
    return CaseRecord(
      caseID: caseID, suite: "smoke", status: status, command: "attnbench run --case '\(caseID)'",
      mechanism: MechanismRecord(
        id: "flash", title: "FlashAttention-2", family: .exact, exactness: .exact,
        parameters: ["window": "256", "dilation": "1"]),
      problem: ProblemRecord(
        shape: shape, precision: "f32",
        input: InputRecord(kind: "gaussian", seed: .max, checksum: .value("00ff"))),
      execution: ExecutionRecord(
        threads: 1, affinity: "0", kernelTable: "avx2", startedAt: "unknown",
        conditions: ["governor": "unknown"]),
      build: BuildRecord(
        attnbenchVersion: "0.1.0", commit: "unknown", compiler: "Swift 6.3",
        libraries: ["OpenBLAS": "0.3.21"], openBLASCore: "SkylakeX", openBLASInherited: [:]),
      machine: MachineRecord(cpu: "a CPU", fingerprint: "ab12", slug: "zen5-2c", cores: 2),
      work: WorkRecord(
        attendedPairs: .value(8450),
        operations: OperationCounts([.float32: 1_081_600, .exponential: 8450]),
        denseOperations: OperationCounts([.float32: 1_081_600, .exponential: 8450]),
        bytesRead: 99_840, bytesWritten: 33_280, tiles: .absent(reason: "no tiles here")),
      bounds: BoundsRecord(
        flop: .value(1), tile: .absent(reason: "no tiles here"),
        worstTile: .absent(reason: "no tiles here"),
        machines: [
          MachineBound(
            machine: BoundsRecord.host, precision: "f32", densePrecision: "f32",
            roofline: .value(1), floorSeconds: .value(3.8e-6), denseFloorSeconds: .value(3.8e-6),
            bindingCeiling: .value("f32 products"), denseBindingCeiling: .value("f32 products"),
            unpriced: [])
        ]),
      counts: CountsRecord(measured: .value(counts), expected: .value(expected)),
      timing: .value(timing), accuracy: accuracy(shape),
      memory: MemoryRecord(
        workspaceBytes: .value(4096), peakResidentBytes: .absent(reason: "not asked for")),
      counters: [
        CounterRecord(
          name: "instructions", unit: "1", source: "papi", value: .absent(reason: "no PMU"))
      ])
  }

  private static let timing = TimingRecord(
    alternatives: [
      TimedAlternative(
        role: .mechanism, name: "flash", precision: "f32",
        samplesNanoseconds: [4100.5, 4099, 4120],
        medianNanoseconds: 4100.5, madNanoseconds: 1.5,
        intervalNanoseconds: Interval(low: 4099, high: 4120), minNanoseconds: 4099,
        p90Nanoseconds: 4120, disturbed: 0, disturbedSamples: [], sharedCoreSamples: [1],
        peaksGigaflopsPerSecond: [286, 287, 288])
    ],
    speedUpOverFlash: .absent(reason: "it is the baseline"),
    speedUpOverDense: .value(Estimate(value: 1, interval: Interval(low: 0.99, high: 1.01))),
    realisedShare: .absent(reason: "it is the baseline"), floorShare: .value(0.93),
    flashFloorShare: .value(0.93), gigaflopsPerSecond: .value(264),
    adjacentPeakGigaflopsPerSecond: .value(287), shareOfPeak: .value(0.92), cache: "warm",
    stop: "time limit")

  private static func accuracy(_ shape: AttentionShape) -> AccuracyRecord {
    AccuracyRecord(
      oracle: .value(
        OracleError(
          shape: shape, maxAbsolute: 1e-7, relativeL2: 5e-8, worstRow: 2e-7, passed: true,
          tolerance: 1e-6, toleranceReason: "rounding of f32 sums")),
      dense: .value(
        DenseError(
          shape: shape, rows: 130, cosine: 1, relativeL1: 1e-7, rmse: 1e-9,
          worstHeadCosine: .value(1), worstRowCosine: .absent(reason: "not asked for"))))
  }

  /// Runs `body` with a fresh folder that is removed afterwards.
  static func withRoot(_ body: (String) throws -> Void) throws {
    let root = FileManager.default.temporaryDirectory
      .appendingPathComponent("attnbench-store-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: root) }
    try body(root)
  }
}
