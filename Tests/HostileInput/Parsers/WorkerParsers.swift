// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import Measurement
import SuiteRunner

/// Lines between a comparison and the processes that it times, and the cache of measured roofs.
enum WorkerParsers {
  /// What a process is asked to do, up to the case that it would make ready.
  static let request = HostileParser(
    "worker-request", corpus: requests + Corpus.kept("worker-request"), vocabulary: words,
    generate: JSONGrammar(requests).changed
  ) { bytes in
    guard case .prepare(let item, _) = try WorkerRequest(parsing: Data(bytes)) else { return }
    let plan = try item.specification().mechanism.plan
    try plan.checkWork()
    _ = plan.work
  }

  static let reply = HostileParser(
    "worker-reply", corpus: replies + Corpus.kept("worker-reply"), vocabulary: words,
    generate: JSONGrammar(replies).changed
  ) { bytes in
    do {
      _ = try WorkerReply(parsing: Data(bytes))
    } catch {
      // What a comparison makes of it.
      throw WorkerError.unreadableAnswer(
        binary: "attnbench", answer: String(decoding: bytes.prefix(400), as: UTF8.self))
    }
  }

  /// Roofs that are taken for those of a host, or measured anew.
  static let roofs = HostileParser(
    "roofs", corpus: caches + Corpus.kept("roofs"),
    vocabulary: ["schema", "roofs", "version", "fingerprint", "threads", "compute", "bandwidth"],
    generate: JSONGrammar(caches).changed
  ) { bytes in
    guard let found = RoofCache.roofs(of: host, parsing: Data(bytes)) else { throw NoRoofs() }
    let rates = found.threads.flatMap(\.compute).map(\.operationsPerSecond)
    guard found.fingerprint == host, rates.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw HostileViolation(reason: "roofs that nobody measured: \(rates)")
    }
  }

  private struct NoRoofs: Error, CustomStringConvertible {
    let description = "the cache holds no roofs of this host"
  }

  private static let words = [
    "prepare", "time", "quit", "item", "verify", "mechanism", "flash", "peak", "calls", "slowdown",
    "generated", "captured", "tensors", "layout", "shape", "hello", "ready", "refused", "sample",
  ]

  private static let requests: [[UInt8]] = {
    var cases: [WorkerRequest] = [.time(what: .flash, calls: 3, slowdown: 0), .quit]
    let shapes = [
      try? AttentionShape(queryHeads: 2, queryLength: 64, headDim: 16, grid: [8, 8]),
      try? AttentionShape(queryLength: 65, headDim: 16, causality: .bottomRight),
    ].compactMap { $0 }
    for (id, overrides, shape) in [
      ("flash", [:], 0), ("neighborhood", ["window": "3x3"], 0), ("linear", [:], 1),
      ("moba", ["blockSize": "16", "topK": "2"], 1),
    ] where shape < shapes.count {
      guard
        let item = try? CaseSpecification(
          mechanismID: id, overrides: overrides, shape: shapes[shape], input: .generated(.gaussian))
      else { continue }
      cases.append(
        .prepare(
          item: WorkerCase(item, suite: "card", seed: Seed(1), command: "attnbench run"),
          verify: true))
    }
    return cases.compactMap { try? JSONEncoder().encode($0) }.map { Array($0) }
  }()

  private static let replies: [[UInt8]] = [
    WorkerReply.hello(version: WorkerProtocol.version, threads: 2, kernelTable: "avx512"),
    .ready(record: nil), .refused(refusal: .skipped(reason: "too large"), record: nil),
    .sample(WorkerSample(nanosecondsPerCall: 1e6, isDisturbed: false)),
  ].compactMap { try? JSONEncoder().encode($0) }.map { Array($0) }

  private static let host = HostFingerprint(
    identity: CPUIdentity(
      vendor: "AuthenticAMD", brand: "a CPU", family: 25, model: 0x11, stepping: 1,
      features: [.avx2, .fma], l1DataBytes: 32 << 10, l2Bytes: 1 << 20, l3Bytes: 32 << 20,
      hypervisor: nil), cores: 2, logicalCPUs: 2, l3SharingCPUs: 2)

  private static let caches: [[UInt8]] = {
    struct File: Encodable {
      let schema = "attnbench-roofs/1"
      let roofs: [String: HostRoofs]
    }
    let compute = ComputeRoof(
      kind: .float32MultiplyAdd, instructions: .avx2, operationsPerSecond: 1e11,
      relativeDeviation: 0.01, disturbedShare: 0)
    let memory = BandwidthRoof(
      level: .memory, bytesPerThread: 64 << 20, readBytesPerSecond: 1e10,
      copyBytesPerSecond: 2e10, relativeDeviation: 0, disturbedShare: 0)
    let roofs = HostRoofs(
      fingerprint: host,
      threads: [ThreadRoofs(threads: 1, compute: [compute], bandwidth: [memory])], probeSeconds: 4)
    return [try? JSONEncoder().encode(File(roofs: [host.key: roofs]))].compactMap { $0 }
      .map { Array($0) }
  }()
}
