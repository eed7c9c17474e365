// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation

/// Memory that a case will take, computed before any of it is taken.
struct MemoryNeed {
  /// Inputs, outputs of mechanism and baseline, and packed or partial copies [byte].
  let bytes: Int

  /// `cacheBytes` is what the copies of a cold timing must exceed.
  init(_ item: CaseSpecification, cacheBytes: Int = 0) {
    let shape = item.shape
    let elements = [shape.queryExtents, shape.keyExtents, shape.valueExtents]
      .reduce(0) { $0 + $1.reduce(1, *) }
    let outputs = 3 * shape.outputExtents.reduce(1, *)
    var partial = 0
    var packed = 0
    switch item.mechanism.plan.stages.first {
    case .attendSelected(let stage):
      partial = stage.partialElements(shape: shape) + stage.listElements(shape: shape)
    case .decode(let stage):
      partial = shape.outputExtents.reduce(1, *) * stage.rangeCount(keys: shape.keyLength)
      // Float32 caches are read where the inputs lie; others are copies.
      if stage.keyValuePrecision != .float32 {
        packed =
          shape.batch * shape.keyValueHeads
          * stage.keyValuePrecision.cacheBytes(keys: shape.keyLength, shape: shape)
      }
    default: break
    }
    // Mechanism and baseline have copies of their own, each twice the cache and one set more.
    let copies = item.cache == .cold ? 4 * cacheBytes + 8 * (elements + outputs) : 0
    bytes = 4 * (2 * elements + outputs + partial) + packed + copies
  }

  /// Why the case does not fit into the memory that is free now, or nil.
  var shortage: String? {
    guard let available = Self.availableBytes, bytes > available / 10 * 9 else { return nil }
    let gibibytes = { (bytes: Int) in String(format: "%.1f GiB", Double(bytes) / 0x1p30) }
    return "it needs \(gibibytes(bytes)) of memory, \(gibibytes(available)) are free"
  }

  private static var availableBytes: Int? {
    guard let text = try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8) else {
      return nil
    }
    let line = text.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
    return line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
  }
}
