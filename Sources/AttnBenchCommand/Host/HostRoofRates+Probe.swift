// SPDX-License-Identifier: MIT

import Measurement
import ResultStore
import Simulator

extension HostRoofRates {
  /// The probe's roofs at one thread count, in the simulator's words.
  init(_ roofs: ThreadRoofs, fingerprint: HostFingerprint) {
    var rates: [RateClass: Double] = [:]
    let kinds: [(RateClass, RoofKind)] = [
      (.float32, .float32MultiplyAdd), (.bfloat16, .bfloat16Dot), (.int8, .int8Dot),
      (.exponential, .exponential),
    ]
    for (rate, kind) in kinds {
      rates[rate] = roofs.best(kind)?.operationsPerSecond
    }
    let capacities: [Measurement.MemoryLevel: Int] = [
      .l1: fingerprint.l1DataBytes * roofs.threads, .l2: fingerprint.l2Bytes * roofs.threads,
      .l3: fingerprint.l3Bytes,
    ]
    let levels = Measurement.MemoryLevel.allCases.compactMap { level -> Level? in
      guard let bandwidth = roofs.bandwidth(level) else { return nil }
      return Level(
        name: level.title, isShared: level == .l3 || level == .memory,
        bandwidth: bandwidth.fastestBytesPerSecond,
        capacity: capacities[level])
    }
    self.init(
      threads: roofs.threads, rates: rates, levels: levels,
      source: "median of repeated loops on this host")
  }
}

extension HostCeilings {
  init(_ roofs: ThreadRoofs) {
    self.init(
      threads: roofs.threads,
      compute: RoofKind.allCases.compactMap { kind in
        roofs.best(kind).map {
          Compute(name: kind.title, gigaflopsPerSecond: $0.operationsPerSecond * 1e-9)
        }
      },
      bandwidth: roofs.bandwidth.map {
        Bandwidth(name: $0.level.title, gigabytesPerSecond: $0.fastestBytesPerSecond * 1e-9)
      })
  }
}

extension BandwidthRoof {
  /// The highest bandwidth of any loop that was timed: floors and plots must use the same roof.
  var fastestBytesPerSecond: Double { max(readBytesPerSecond, copyBytesPerSecond) }
}

extension Measurement.MemoryLevel {
  var title: String {
    switch self {
    case .l1: "L1"
    case .l2: "L2"
    case .l3: "L3"
    case .memory: "memory"
    }
  }
}

extension RoofKind {
  var title: String {
    switch self {
    case .float32MultiplyAdd: "f32 multiply-add"
    case .bfloat16Dot: "bf16 dot product"
    case .int8Dot: "int8 dot product"
    case .exponential: "exponential"
    }
  }
}
