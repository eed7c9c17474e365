// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Products with weights by distance along the tokens, 16 columns at a time.
///
/// Channels stay in the lanes of vectors from the input to the output, so nothing is transposed, and
/// no transform has a shuffle.
final class ToeplitzBlocks: @unchecked Sendable {
  static let columns = Int(ATTN_CONVOLVE_LANES)

  let blocks: LongConvolution.Blocks
  private let kernels: attn_convolve_kernels_t
  private let turns: Workspace
  private let plan: UnsafeMutablePointer<attn_convolve_t>

  init(_ blocks: LongConvolution.Blocks, kernels: attn_convolve_kernels_t) {
    self.blocks = blocks
    self.kernels = kernels
    let part = Self.part(blocks)
    turns = Workspace(bytesPerWorker: 4 * attn_convolve_turn_floats(part), workers: 1)
    let table = turns[0].assumingMemoryBound(to: Float.self)
    attn_convolve_turns(part, table)
    plan = .allocate(capacity: 1)
    plan.initialize(
      to: attn_convolve_t(part: part, blocks: Int32(blocks.count), turns: table))
  }

  deinit {
    plan.deallocate()
  }

  private static func part(_ blocks: LongConvolution.Blocks) -> Int32 {
    Int32(blocks.length) / Int32(ATTN_CONVOLVE_GROUPS)
  }

  /// Floats of the spectra of all blocks of 16 columns.
  static func spectraFloats(_ blocks: LongConvolution.Blocks) -> Int {
    blocks.count * attn_convolve_spectrum_floats(part(blocks))
  }

  /// Floats of the tokens of some columns.
  static func tokenFloats(_ blocks: LongConvolution.Blocks, columns: Int) -> Int {
    blocks.count * attn_convolve_token_floats(part(blocks))
      * (LongConvolution.paddedColumns(columns) / Self.columns)
  }

  /// Bytes of the table of turns.
  static func turnBytes(_ blocks: LongConvolution.Blocks) -> Int {
    4 * attn_convolve_turn_floats(part(blocks))
  }

  private func range(_ block: Int) -> (first: Int32, end: Int32) {
    (Int32(block * blocks.length), Int32((block + 1) * blocks.length))
  }

  /// Copies rows of a block, times a gate where there is one.
  func take(
    _ rows: attn_convolve_rows_t, gate: UnsafePointer<Float>?, block: Int,
    into tokens: UnsafeMutablePointer<Float>
  ) {
    var rows = rows
    let (first, end) = range(block)
    kernels.take(plan, &rows, gate, first, end, tokens)
  }

  /// Writes rows of a block, times a gate or divided by sums.
  func give(
    _ tokens: UnsafePointer<Float>, gate: UnsafePointer<Float>? = nil,
    sums: UnsafePointer<Float>? = nil, block: Int, to rows: attn_convolve_rows_t
  ) {
    var rows = rows
    let (first, end) = range(block)
    kernels.give(plan, tokens, gate, sums, first, end, &rows)
  }

  /// Weights of tokens before the product, and of what is added to `result` after it.
  struct Weights {
    let inputs, results: UnsafePointer<Float>
  }

  /// Writes the product of 16 columns with `filter`; with weights, adds it to `result`.
  ///
  /// Both may be the same place.
  func convolve(
    _ tokens: UnsafePointer<Float>, weights: Weights? = nil, filter: attn_convolve_filter_t,
    spectra: UnsafeMutablePointer<Float>, result: UnsafeMutablePointer<Float>
  ) {
    var filter = filter
    let spectrum = attn_convolve_spectrum_floats(plan.pointee.part)
    let rows = attn_convolve_token_floats(plan.pointee.part)
    for block in 0..<blocks.count {
      kernels.split(
        plan, tokens + block * rows, weights.map { $0.inputs + block * blocks.length },
        spectra + block * spectrum)
    }
    kernels.filter(plan, &filter, spectra)
    for block in 0..<blocks.count {
      kernels.join(
        plan, spectra + block * spectrum, weights.map { $0.results + block * blocks.length },
        result + block * rows)
    }
  }

  /// The spectrum of one block of rows of 16; `tokens` has room for a block.
  func transform(
    _ rows: attn_convolve_rows_t, tokens: UnsafeMutablePointer<Float>,
    into spectrum: UnsafeMutablePointer<Float>
  ) {
    var rows = rows
    var one = plan.pointee
    one.blocks = 1
    var nothing = attn_convolve_filter_t()
    kernels.take(&one, &rows, nil, 0, Int32(blocks.length), tokens)
    kernels.split(&one, tokens, nil, spectrum)
    kernels.filter(&one, &nothing, spectrum)
  }
}

extension attn_convolve_rows_t {
  init(_ values: UnsafePointer<Float>, stride: Int, rows: Int, columns: Int) {
    self.init(
      values: UnsafeMutablePointer(mutating: values), stride: stride, rows: Int32(rows),
      columns: Int32(columns))
  }
}
