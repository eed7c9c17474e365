// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Spectra of weights by distance, for units of 16 columns each or of any column.
final class ToeplitzFilters: @unchecked Sendable {
  private let engine: ToeplitzBlocks
  private let isCausal: Bool
  private let isShared: Bool
  private let values: Workspace

  private var blocks: LongConvolution.Blocks { engine.blocks }
  private var first: Int { isCausal ? 0 : 1 - blocks.count }
  /// Floats of a complex row.
  private var width: Int { isShared ? 2 : 2 * ToeplitzBlocks.columns }

  /// Uninitialised filters; with `isShared` all 16 columns of a unit have one.
  init(_ engine: ToeplitzBlocks, units: Int, isCausal: Bool, isShared: Bool) {
    self.engine = engine
    self.isCausal = isCausal
    self.isShared = isShared
    values = Workspace(
      bytesPerWorker: Self.bytes(engine.blocks, isShared: isShared), workers: units)
  }

  /// Bytes of a unit.
  static func bytes(_ blocks: LongConvolution.Blocks, isShared: Bool) -> Int {
    8 * blocks.spectra * blocks.length * (isShared ? 1 : ToeplitzBlocks.columns)
  }

  var bytes: Int { values.bytes }

  subscript(unit: Int) -> attn_convolve_filter_t {
    attn_convolve_filter_t(
      values: values[unit].assumingMemoryBound(to: Float.self), shared: isShared ? 1 : 0,
      first: Int32(first), count: Int32(blocks.spectra))
  }

  /// Sets the filter of a unit from the weights of distances `query - key` of fewer than `length`
  /// tokens.
  func set(_ unit: Int, length: Int, weight: (_ column: Int, _ distance: Int) -> Float) {
    let lanes = ToeplitzBlocks.columns
    let spectrum = ToeplitzBlocks.spectraFloats(blocks) / blocks.count
    let tokens = Workspace(
      bytesPerWorker: 4 * ToeplitzBlocks.tokenFloats(blocks, columns: lanes), workers: 1)
    let inputs = Workspace(bytesPerWorker: 4 * blocks.length * lanes, workers: 1)
    let spectra = Workspace(bytesPerWorker: 4 * spectrum, workers: 2)
    let rows = inputs[0].assumingMemoryBound(to: Float.self)
    // An inverse transform multiplies by the length of a block.
    let share = 1 / Float(blocks.length)
    for block in first - 1..<blocks.count {
      rows.update(repeating: 0, count: blocks.length * lanes)
      for row in 0..<blocks.length {
        let distance = block * blocks.length + row
        guard abs(distance) < length, distance >= 0 || !isCausal else { continue }
        for column in 0..<(isShared ? 1 : lanes) {
          rows[row * lanes + column] = weight(column, distance) * share
        }
      }
      let parity = block & 1
      let here = spectra[parity].assumingMemoryBound(to: Float.self)
      engine.transform(
        attn_convolve_rows_t(rows, stride: lanes, rows: blocks.length, columns: lanes),
        tokens: tokens[0].assumingMemoryBound(to: Float.self), into: here)
      guard block >= first else { continue }
      join(here, spectra[1 - parity].assumingMemoryBound(to: Float.self), unit, block - first)
    }
  }

  /// Writes `here + i before`.
  private func join(
    _ here: UnsafePointer<Float>, _ before: UnsafePointer<Float>, _ unit: Int, _ index: Int
  ) {
    let lanes = ToeplitzBlocks.columns
    let groups = Int(ATTN_CONVOLVE_GROUPS)
    let part = blocks.length / groups
    let target = values[unit].assumingMemoryBound(to: Float.self)
    for group in 0..<groups {
      for row in 0..<part {
        let from = (group * (part + 1) + row) * 2 * lanes
        let to = target + ((group * blocks.spectra + index) * part + row) * width
        for lane in 0..<width / 2 {
          to[lane] = here[from + lane] - before[from + lanes + lane]
          to[width / 2 + lane] = here[from + lanes + lane] + before[from + lane]
        }
      }
    }
  }
}
