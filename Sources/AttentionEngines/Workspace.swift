// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// One 64-byte aligned scratch per worker, on cache lines of its own.
final class Workspace: @unchecked Sendable {
  let bytesPerWorker: Int
  let workers: Int
  private let base: UnsafeMutableRawPointer

  init(bytesPerWorker: Int, workers: Int) {
    self.bytesPerWorker = (bytesPerWorker + 127) & ~127
    self.workers = workers
    let bytes = max(self.bytesPerWorker * workers, 128)
    base = NumberMemory.allocate(byteCount: bytes)
    // Touched here, so that no page fault falls into a run; 0xFF bytes are NaN to whoever reads
    // scratch that nobody wrote.
    base.initializeMemory(as: UInt8.self, repeating: 0xFF, count: bytes)
  }

  deinit {
    base.deallocate()
  }

  subscript(worker: Int) -> UnsafeMutableRawPointer { base + worker * bytesPerWorker }

  var bytes: Int { bytesPerWorker * workers }
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
