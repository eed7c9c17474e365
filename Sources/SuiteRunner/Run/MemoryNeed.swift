// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation

/// Memory that a case will take, computed before any of it is taken.
///
/// It is what a process needs at the most crowded moment, the timing: what the program itself takes
/// before it meets a case is no part of it, nor is scratch that does not grow with the problem.
struct MemoryNeed {
  /// Inputs, outputs of mechanism and baseline, the reference, packed and partial copies [byte].
  let bytes: Int

  /// `cacheBytes` is what the copies of a cold timing must exceed.
  init(_ item: CaseSpecification, cacheBytes: Int = 0) {
    let shape = item.shape
    let heads = [shape.queryExtents, shape.keyExtents, shape.valueExtents]
      .reduce(0) { $0 + 4 * Extents($1).count }
    let output = 4 * Extents(shape.outputExtents).count
    var tensors = heads + 2 * output
    if item.mechanism.card.inputs == .tokens {
      // The baseline is dense attention on tensors of its own.
      tensors = heads + output + 8 * Extents(shape.tokenExtents).count
    } else {
      // The rows of dense attention in Double, kept for the cases that share the inputs.
      tensors += 2 * output
    }
    // Mechanism and baseline have copies of their own, each twice the cache and one set more.
    let copies = item.cache == .cold ? 4 * cacheBytes + 2 * (heads + output) : 0
    bytes = tensors + Self.preparedBytes(item) + copies
  }

  /// Packed copies of the operands and partial results.
  private static func preparedBytes(_ item: CaseSpecification) -> Int {
    let shape = item.shape
    switch item.mechanism.plan.stages.first {
    case .attend(let stage):
      return packedBytes(stage, shape)
    case .attendSelected(let stage):
      return 4 * (stage.partialElements(shape: shape) + stage.listElements(shape: shape))
    case .decode(let stage):
      let partial = 4 * Extents(shape.outputExtents).count * stage.rangeCount(keys: shape.keyLength)
      // Float32 caches are read where the inputs lie; others are copies.
      guard stage.keyValuePrecision != .float32 else { return partial }
      return partial + shape.batch * shape.keyValueHeads
        * stage.keyValuePrecision.cacheBytes(keys: shape.keyLength, shape: shape)
    default:
      return 0
    }
  }

  /// Copies of keys and values in the precision of the products, with their scales.
  private static func packedBytes(_ stage: Attend, _ shape: AttentionShape) -> Int {
    let work = Stage.attend(stage).work(shape: shape)
    let copies = work.filter { $0.name != "attend" && $0.narrowBytes > 0 }
      .reduce(0) { $0 + $1.bytesWritten }
    guard case .int8 = stage.precision else { return copies }
    // Scale and sum of each key, scale of each query.
    return copies + shape.batch
      * (8 * shape.keyValueHeads * shape.keyLength + 4 * shape.queryHeads * shape.queryLength)
  }

  /// Why the case does not fit under `limit`, or into the memory that is free now, or nil.
  func shortage(limit: Int? = nil) -> String? {
    let gibibytes = { (bytes: Int) in
      bytes < 1 << 30
        ? String(format: "%.1f MiB", Double(bytes) / 0x1p20)
        : String(format: "%.1f GiB", Double(bytes) / 0x1p30)
    }
    if let limit, bytes > limit {
      return "it needs \(gibibytes(bytes)) of memory, --memory-limit is \(gibibytes(limit))"
    }
    guard let available = Self.availableBytes, bytes > available / 10 * 9 else { return nil }
    return "it needs \(gibibytes(bytes)) of memory, \(gibibytes(available)) are free"
  }

  /// What the system has left, and what it would give this process if that is less.
  private static var availableBytes: Int? {
    [systemBytes, addressSpaceBytes].compactMap(\.self).min()
  }

  private static var systemBytes: Int? {
    field("MemAvailable:", of: "/proc/meminfo")
  }

  /// What is left of a limited address space (`ulimit -v`); nil without a limit.
  private static var addressSpaceBytes: Int? {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0,
      limit.rlim_cur < UInt(Int.max), let used = field("VmSize:", of: "/proc/self/status")
    else { return nil }
    return max(0, Int(limit.rlim_cur) - used)
  }

  /// A line of a file of the kernel that counts in kB [byte].
  private static func field(_ name: String, of file: String) -> Int? {
    guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
    let line = text.split(separator: "\n").first { $0.hasPrefix(name) }
    return line?.split { $0 == " " || $0 == "\t" }.dropFirst().first.flatMap { Int($0) }
      .map { $0 * 1024 }
  }
}
