// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// One 128-byte aligned scratch per worker, out of reach of what other cores read ahead.
package final class Workspace: @unchecked Sendable {
  /// Unused bytes behind the scratch of a worker, where there are several.
  ///
  /// A core that walks over its scratch reads ahead of itself by its own decision, beyond the end
  /// and into the next page too, and so takes lines from the core that writes there. The second of
  /// two workers of causal linear attention, whose state began where that of the first ended, was
  /// 4 % slower than the first in every process and 40 % in one of five; 16 KiB apart both are equal.
  private static let gap = 16 << 10

  let bytesPerWorker: Int
  let workers: Int
  /// From the scratch of a worker to that of the next one [byte].
  package let stride: Int
  private let base: UnsafeMutableRawPointer

  package init(bytesPerWorker: Int, workers: Int) {
    self.bytesPerWorker = (bytesPerWorker + 127) & ~127
    self.workers = workers
    stride = self.bytesPerWorker + (workers > 1 ? Self.gap : 0)
    base = NumberMemory.allocate(byteCount: stride * workers)
    // Touched here, so that no page fault falls into a run; 0xFF bytes are NaN to whoever reads
    // scratch that nobody wrote.
    for worker in 0..<workers {
      self[worker].initializeMemory(
        as: UInt8.self, repeating: 0xFF, count: self.bytesPerWorker)
    }
  }

  deinit {
    base.deallocate()
  }

  package subscript(worker: Int) -> UnsafeMutableRawPointer { base + worker * stride }

  /// What the workers use; gaps are not counted.
  package var bytes: Int { bytesPerWorker * workers }
}

/// Counts per worker, summed after a run.
final class CountBoard: @unchecked Sendable {
  private struct Slot {
    var kernel = attn_counts_t()
    var bytesRead = 0
    var bytesWritten = 0
    var elementsSorted = 0
    var rowsGathered = 0
    var pairsLeftOut = 0
    // Keeps two workers off one pair of cache lines.
    var padding: (Int, Int, Int, Int, Int, Int, Int, Int) = (0, 0, 0, 0, 0, 0, 0, 0)
  }

  private let slots: UnsafeMutablePointer<Slot>
  private let workers: Int

  init(workers: Int) {
    self.workers = workers
    slots = .allocate(capacity: workers)
    slots.initialize(repeating: Slot(), count: workers)
  }

  deinit {
    slots.deallocate()
  }

  func reset() {
    slots.update(repeating: Slot(), count: workers)
  }

  /// Where a worker's kernels count.
  subscript(worker: Int) -> UnsafeMutablePointer<attn_counts_t> {
    UnsafeMutableRawPointer(slots + worker).assumingMemoryBound(to: attn_counts_t.self)
  }

  /// Counts the Float32 rows that one strip reads and writes.
  func add(worker: Int, keyRows: Int, queryRows: Int, _ shape: AttentionShape) {
    slots[worker].bytesRead +=
      4 * (queryRows * shape.headDim + keyRows * (shape.headDim + shape.valueDim))
    slots[worker].bytesWritten += 4 * queryRows * shape.valueDim
  }

  func add(worker: Int, bytesRead: Int, bytesWritten: Int) {
    slots[worker].bytesRead += bytesRead
    slots[worker].bytesWritten += bytesWritten
  }

  func add(worker: Int, elementsSorted: Int, rowsGathered: Int) {
    slots[worker].elementsSorted += elementsSorted
    slots[worker].rowsGathered += rowsGathered
  }

  func add(worker: Int, pairsLeftOut: Int) {
    slots[worker].pairsLeftOut += pairsLeftOut
  }

  /// Pairs that a filter left out, where there is one.
  var pairsLeftOut: Int { (0..<workers).reduce(0) { $0 + slots[$1].pairsLeftOut } }

  var sum: EngineCounts {
    var sum = EngineCounts()
    for worker in 0..<workers {
      let slot = slots[worker]
      sum.tilesVisited += Int(slot.kernel.tiles_full + slot.kernel.tiles_partial)
      sum.tilesFull += Int(slot.kernel.tiles_full)
      sum.pairsEvaluated += Int(slot.kernel.pairs)
      sum.exponentials += Int(slot.kernel.exponentials)
      sum.rescales += Int(slot.kernel.rescales)
      sum.bytesRead += slot.bytesRead
      sum.bytesWritten += slot.bytesWritten
      sum.elementsSorted += slot.elementsSorted
      sum.rowsGathered += slot.rowsGathered
    }
    return sum
  }
}
