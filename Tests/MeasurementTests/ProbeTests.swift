// SPDX-License-Identifier: MIT

import Foundation
import Measurement
import Testing

struct ProbeTests {
  @Test(arguments: RoofLoop.supported(by: .current))
  func everyLoopDoesTheWorkItClaims(loop: RoofLoop) {
    for iterations: UInt64 in [1, 1000] {
      let run = loop.run(iterations: iterations)
      let expected = loop.expectedChecksum(iterations: iterations)
      // Sums of ones are exact. The polynomial is good to 7.5e-8, and at most 128 Float32
      // additions of one accumulator round by 6e-8 each.
      let tolerance = loop.kind == .exponential ? 1e-5 * expected : 0
      #expect(abs(run.checksum - expected) <= tolerance)
      #expect(run.operations > 0 && run.operations.isMultiple(of: iterations))
    }
  }

  @Test func scalarLoopsRunEverywhere() {
    let bare = CPUIdentity(
      vendor: "", brand: "", family: 0, model: 0, stepping: 0, features: [], l1DataBytes: 0,
      l2Bytes: 0, l3Bytes: 0, hypervisor: nil)
    let loops = RoofLoop.supported(by: bare)
    #expect(loops.contains { $0.kind == .float32MultiplyAdd && $0.instructions == .scalar })
    #expect(!loops.contains { $0.instructions == .avx2 || $0.instructions == .avx512 })
  }

  @Test func instructionsWithoutAFloat32LoopAreRefused() {
    #expect(throws: MeasurementError.unsupportedInstructions(.avx512Vnni)) {
      try AdjacentPeak(instructions: .avx512Vnni)
    }
  }

  @Test func adjacentPeakIsAPlausibleRate() throws {
    let peak = try AdjacentPeak(instructions: .scalar, duration: .microseconds(100))
    // One multiply-add per microsecond to a thousand per nanosecond.
    #expect((2e6...2e12).contains(peak.measure()))
  }

  @Test func aCoreBeginsSeveralInstructionsPerStepOfAChain() throws {
    // Only x86-64 has the loops.
    guard let probe = IssueProbe(duration: .microseconds(30)) else { return }
    // A multiplication takes 3 to 5 cycles, in each of which a core begins 1 to 12 instructions.
    #expect((2.0...60).contains(probe.measure()))
  }

  @Test func bufferSizesTellTheLevelsApart() {
    let sizes = BandwidthSizes(fingerprint: Self.fingerprint(l3: 32 << 20), threads: 2).levels
    #expect(sizes.map(\.level) == [.l1, .l2, .l3, .memory])
    #expect(sizes.map(\.bytes) == [16 << 10, 512 << 10, 4 << 20, 64 << 20])
  }

  @Test func aLevelThatCannotBeToldApartIsLeftOut() {
    let small = BandwidthSizes(fingerprint: Self.fingerprint(l3: 2 << 20), threads: 1).levels
    #expect(small.map(\.level) == [.l1, .l2, .memory])
    let none = BandwidthSizes(fingerprint: Self.fingerprint(l3: 0), threads: 1).levels
    #expect(none.map(\.level) == [.l1, .l2, .memory])
  }

  @Test func aSmallProbeMeasuresEveryLoopAndLevel() throws {
    var labels: [String] = []
    var last = 0
    let probe = HostProbe(
      cpus: Array(Affinity.current.prefix(1)), repeats: 1, duration: .microseconds(50))
    let roofs = try probe.run {
      labels.append($0.label)
      last = $0.total
    }
    #expect(labels.count == last)
    let single = try #require(roofs.single)
    #expect(single.compute.count == RoofLoop.supported(by: .current).count)
    #expect(single.compute.allSatisfy { $0.operationsPerSecond > 0 })
    #expect(single.bandwidth.contains { $0.level == .memory })
    #expect(single.bandwidth.allSatisfy { $0.readBytesPerSecond > 0 && $0.copyBytesPerSecond > 0 })
    #expect(single.best(.float32MultiplyAdd) != nil)
  }

  @Test func cachedRoofsComeBackForTheirFingerprintOnly() throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("attnbench-roofs-\(UInt64.random(in: 0...UInt64.max)).json").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let cache = RoofCache(path: path)
    let mine = Self.roofs(Self.fingerprint(l3: 32 << 20), rate: 1e9)
    #expect(cache.roofs(of: mine.fingerprint) == nil)
    try cache.store(mine)
    let other = Self.roofs(Self.fingerprint(l3: 16 << 20), rate: 2e9)
    try cache.store(other)
    #expect(cache.roofs(of: mine.fingerprint) == mine)
    #expect(cache.roofs(of: other.fingerprint) == other)
    try Data("{".utf8).write(to: URL(fileURLWithPath: path))
    #expect(cache.roofs(of: mine.fingerprint) == nil)
  }

  /// A guest that lost a feature, as after a move to an older host: its key and its roofs are others.
  @Test func roofsOfOtherFeaturesAreNotThoseOfThisCPU() throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("attnbench-roofs-\(UInt64.random(in: 0...UInt64.max)).json").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let cache = RoofCache(path: path)
    let wide = Self.roofs(
      Self.fingerprint(l3: 32 << 20, features: [.avx2, .fma, .avx512f]), rate: 2e9)
    try cache.store(wide)
    let narrow = Self.fingerprint(l3: 32 << 20, features: [.avx2, .fma])
    #expect(narrow.key != wide.fingerprint.key)
    #expect(cache.roofs(of: narrow) == nil)
    // The same key with the features of another: a file that somebody wrote.
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try text.replacingOccurrences(of: wide.fingerprint.key, with: narrow.key)
      .write(toFile: path, atomically: true, encoding: .utf8)
    #expect(cache.roofs(of: narrow) == nil)
    #expect(cache.roofs(of: wide.fingerprint) == nil)
  }

  @Test(arguments: [0, -1.0])
  func ratesThatNobodyMeasuredAreNoRoofs(rate: Double) throws {
    let roofs = Self.roofs(Self.fingerprint(l3: 32 << 20), rate: rate)
    struct File: Encodable {
      let schema = "attnbench-roofs/1"
      let roofs: [String: HostRoofs]
    }
    let text = try JSONEncoder().encode(File(roofs: [roofs.fingerprint.key: roofs]))
    #expect(RoofCache.roofs(of: roofs.fingerprint, parsing: text) == nil)
    let good = Self.roofs(roofs.fingerprint, rate: 1e9)
    let other = try JSONEncoder().encode(File(roofs: [good.fingerprint.key: good]))
    #expect(RoofCache.roofs(of: good.fingerprint, parsing: other) == good)
  }

  /// Opening a named pipe would wait for a writer that never comes.
  @Test(.timeLimit(.minutes(1))) func aNamedPipeIsAnEmptyCache() {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("attnbench-pipe-\(UInt64.random(in: 0...UInt64.max))").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(mkfifo(path, 0o600) == 0)
    #expect(RoofCache(path: path).roofs(of: Self.fingerprint(l3: 1)) == nil)
  }

  private static func fingerprint(
    l3: Int, features: Set<CPUFeature> = [.avx2]
  ) -> HostFingerprint {
    let identity = CPUIdentity(
      vendor: "AuthenticAMD", brand: "", family: 25, model: 0x11, stepping: 1, features: features,
      l1DataBytes: 32 << 10, l2Bytes: 1 << 20, l3Bytes: l3, hypervisor: nil)
    return HostFingerprint(identity: identity, cores: 2, logicalCPUs: 2, l3SharingCPUs: 2)
  }

  private static func roofs(_ fingerprint: HostFingerprint, rate: Double) -> HostRoofs {
    let compute = ComputeRoof(
      kind: .float32MultiplyAdd, instructions: .avx2, operationsPerSecond: rate,
      relativeDeviation: 0, disturbedShare: 0)
    return HostRoofs(
      version: HostRoofs.currentVersion, fingerprint: fingerprint,
      threads: [ThreadRoofs(threads: 1, compute: [compute], bandwidth: [])], probeSeconds: 4)
  }
}
