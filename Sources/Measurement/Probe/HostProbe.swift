// SPDX-License-Identifier: MIT

import CPlatform
import Statistics

/// How far a probe has come.
public struct ProbeProgress: Hashable, Sendable {
  public let completed: Int
  public let total: Int
  /// What has just been measured, for the reader.
  public let label: String
}

/// Measures the limits of this host: peak rates and bandwidths, of one CPU and of all.
///
/// Takes 3 to 5 seconds and, for the memory level, four times the last-level cache or 128 MiB.
/// All loops are repeated in turn, so that a drifting clock hits them alike.
public struct HostProbe {
  private let identity: CPUIdentity
  let fingerprint: HostFingerprint
  private let cpus: [Int]
  private let repeats: Int
  private let duration: Duration
  private let clock: any TimeSource

  /// Prepares a probe of the CPUs that the calling thread may use.
  ///
  /// `duration` is the length of one repeat.
  public init(
    identity: CPUIdentity = .current, fingerprint: HostFingerprint = .current(),
    cpus: [Int] = Affinity.current, repeats: Int = 7, duration: Duration = .milliseconds(5),
    clock: any TimeSource = MonotonicClock()
  ) {
    self.identity = identity
    self.fingerprint = fingerprint
    self.cpus = cpus.isEmpty ? [0] : cpus
    self.repeats = max(1, repeats)
    self.duration = duration
    self.clock = clock
  }

  /// Measures everything.
  ///
  /// - Throws: `threadsRefused` or `outOfMemory`.
  public func run(
    progress: (ProbeProgress) -> Void = { _ in }
  ) throws(MeasurementError) -> HostRoofs {
    let begin = clock.monotonicNanoseconds()
    let counts = cpus.count > 1 ? [1, cpus.count] : [1]
    let arena = try makeArena(threadCounts: counts)
    let steps = counts.flatMap { computeSteps(threads: $0) + bandwidthSteps(threads: $0, arena) }
    var rates = [[PinnedRun]](repeating: [], count: steps.count)
    for turn in 0..<repeats {
      for (index, step) in steps.enumerated() {
        rates[index].append(try PinnedRun(step.work, cpus: Array(cpus.prefix(step.threads))))
        progress(
          ProbeProgress(
            completed: turn * steps.count + index + 1, total: repeats * steps.count,
            label: step.label))
      }
    }
    let figures = zip(steps, rates).map { (step: $0, figure: Figure($1)) }
    let roofs = counts.map { Self.roofs(threads: $0, figures) }
    return HostRoofs(
      version: HostRoofs.currentVersion, fingerprint: fingerprint, threads: roofs,
      probeSeconds: Double(clock.monotonicNanoseconds() - begin) / 1e9)
  }

  private func makeArena(threadCounts: [Int]) throws(MeasurementError) -> BandwidthArena {
    let largest = threadCounts.max() ?? 1
    var bytes = [Int](repeating: 0, count: largest)
    for count in threadCounts {
      let sizes = BandwidthSizes(fingerprint: fingerprint, threads: count).levels.map(\.bytes)
      for thread in 0..<count { bytes[thread] = max(bytes[thread], sizes.max() ?? 0) }
    }
    let arena = try BandwidthArena(bytes: bytes)
    _ = try PinnedRun(TouchWork(arena: arena), cpus: Array(cpus.prefix(largest)))
    return arena
  }

  private func computeSteps(threads: Int) -> [ProbeStep] {
    RoofLoop.supported(by: identity).map { loop in
      let iterations = Calibration.repetitions(lasting: duration.nanoseconds, clock: clock) {
        _ = loop.run(iterations: $0)
      }
      return ProbeStep(
        target: .compute(loop), threads: threads,
        work: ComputeWork(loop: loop, iterations: iterations))
    }
  }

  private func bandwidthSteps(threads: Int, _ arena: BandwidthArena) -> [ProbeStep] {
    BandwidthSizes(fingerprint: fingerprint, threads: threads).levels.flatMap { entry in
      [false, true].flatMap { copies in
        widths.map { width in
          let single = BandwidthWork(
            arena: arena, bytes: entry.bytes, copies: copies, width: width, passes: 1)
          let passes = Calibration.repetitions(lasting: duration.nanoseconds, clock: clock) {
            _ = single.repeated($0).run(thread: 0)
          }
          return ProbeStep(
            target: .bandwidth(entry.level, bytes: entry.bytes, copies: copies),
            threads: threads, work: single.repeated(passes))
        }
      }
    }
  }

  /// The two widest vectors: the wider one need not be the faster.
  private var widths: [cplatform_width_t] {
    let avx2 = identity.features.contains(.avx2)
    if identity.features.contains(.avx512f) && avx2 {
      return [CPLATFORM_WIDTH_32, CPLATFORM_WIDTH_64]
    }
    return avx2 ? [CPLATFORM_WIDTH_16, CPLATFORM_WIDTH_32] : [CPLATFORM_WIDTH_16]
  }
}

extension HostProbe {
  private static func roofs(
    threads: Int, _ figures: [(step: ProbeStep, figure: Figure)]
  ) -> ThreadRoofs {
    let mine = figures.filter { $0.step.threads == threads }
    let compute = mine.compactMap { item -> ComputeRoof? in
      guard case .compute(let loop) = item.step.target else { return nil }
      return ComputeRoof(
        kind: loop.kind, instructions: loop.instructions, operationsPerSecond: item.figure.rate,
        relativeDeviation: item.figure.relativeDeviation,
        disturbedShare: item.figure.disturbedShare)
    }
    let bandwidth = MemoryLevel.allCases.compactMap { level -> BandwidthRoof? in
      var best: [Bool: Figure] = [:]
      var bytesPerThread = 0
      for item in mine {
        guard case .bandwidth(level, let bytes, let copies) = item.step.target else { continue }
        bytesPerThread = bytes
        if best[copies].map({ $0.rate < item.figure.rate }) ?? true { best[copies] = item.figure }
      }
      guard let read = best[false], let copy = best[true] else { return nil }
      return BandwidthRoof(
        level: level, bytesPerThread: bytesPerThread, readBytesPerSecond: read.rate,
        copyBytesPerSecond: copy.rate,
        relativeDeviation: max(read.relativeDeviation, copy.relativeDeviation),
        disturbedShare: max(read.disturbedShare, copy.disturbedShare))
    }
    return ThreadRoofs(threads: threads, compute: compute, bandwidth: bandwidth)
  }

  /// The median of the repeats; of the undisturbed ones if they are at least half.
  private struct Figure {
    let rate: Double
    let relativeDeviation: Double
    let disturbedShare: Double

    init(_ runs: [PinnedRun]) {
      let quiet = runs.filter { !$0.isDisturbed }
      let used = 2 * quiet.count >= runs.count ? quiet : runs
      let sample = try? Sample(used.map(\.rate))
      rate = sample?.median ?? 0
      relativeDeviation = sample.map { $0.medianAbsoluteDeviation / $0.median } ?? 0
      disturbedShare = 1 - Double(quiet.count) / Double(max(1, runs.count))
    }
  }
}
