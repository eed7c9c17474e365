// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import Foundation

/// Memory that a case will take, computed before any of it is taken.
///
/// It is what a process needs at the most crowded moment, the timing: what the program itself takes
/// before it meets a case is no part of it, nor is scratch that does not grow with the problem.
struct MemoryNeed {
  /// Inputs, outputs of mechanism and baseline, the reference, weights, what the engine keeps [byte].
  let bytes: Int

  /// What checking against the oracle, libraries and the allocator take at any size [byte]: 2 to 16
  /// MiB over the mechanisms, 8 in the middle.
  private static let anySizeBytes = 8 << 20

  /// `cacheBytes` is what the copies of a cold timing must exceed.
  init(_ item: CaseSpecification, context: ExecutionContext, cacheBytes: Int = 0) {
    let shape = item.shape
    let heads = [shape.queryExtents, shape.keyExtents, shape.valueExtents]
      .reduce(0) { $0 + 4 * Extents($1).count }
    let output = 4 * Extents(shape.outputExtents).count
    // Outputs of mechanism and baseline, and that of the first run, which its engine remembers.
    var tensors = heads + 3 * output
    if item.mechanism.card.inputs == .tokens {
      // The baseline is dense attention on tensors of its own.
      let tokens = 4 * Extents(shape.tokenExtents).count
      tensors = heads + output + 3 * tokens
      // Its engine remembers no output; bare transforms have features and a spectrum beside it.
      if case .mixTokens(.fourier2D) = item.mechanism.plan.stages.first { tensors += tokens }
    } else {
      // The rows of dense attention in Double, kept for the cases that share the inputs.
      tensors += 2 * output
    }
    // Mechanism and baseline have copies of their own, each twice the cache and one set more.
    let copies = item.cache == .cold ? 4 * cacheBytes + 2 * (heads + output) : 0
    let weights = item.mechanism.weightSpecifications
      .reduce(0) { $0 + 4 * Extents($1.extents).count }
    let engine = PlannedMemory(item.mechanism.plan, context: context)
    bytes = Self.anySizeBytes + tensors + weights + engine.bytes + copies
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
