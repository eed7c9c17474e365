// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Instruction sets with a kernel table, weakest first.
public enum InstructionSet: String, Hashable, Sendable, Codable, CaseIterable {
  case scalar
  case avx2
  case avx512
  case avx512VNNI = "avx512_vnni"
  case avx512BF16 = "avx512_bf16"

  var code: attn_isa_t {
    switch self {
    case .scalar: ATTN_ISA_SCALAR
    case .avx2: ATTN_ISA_AVX2
    case .avx512: ATTN_ISA_AVX512
    case .avx512VNNI: ATTN_ISA_AVX512_VNNI
    case .avx512BF16: ATTN_ISA_AVX512_BF16
    }
  }
}

/// The micro-kernels of one instruction set.
public struct KernelTable: @unchecked Sendable {
  public let instructionSet: InstructionSet
  package let tiled: attn_tiled_kernels_t
  package let lowBit: attn_lowbit_kernels_t
  package let scan: attn_scan_kernels_t
  package let select: attn_select_kernels_t
  package let rows: attn_rows_kernels_t
  package let diagonal: attn_diagonal_kernels_t
  package let decode: attn_decode_kernels_t
  /// Kernels of short windows; nil where strips serve them too.
  package let window: attn_window_kernels_t?
  package let quantised: attn_quantised_kernels_t
  package let features: attn_features_kernels_t
  package let convolve: attn_convolve_kernels_t

  /// The table of `instructionSet`, or nil where this CPU lacks the instructions.
  public init?(_ instructionSet: InstructionSet) {
    guard let table = attn_kernel_table(instructionSet.code)?.pointee,
      let tiled = table.tiled, let lowBit = table.lowbit, let scan = table.scan,
      let select = table.select, let rows = table.rows, let diagonal = table.diagonal,
      let decode = table.decode, let quantised = table.quantised,
      let features = table.features, let convolve = table.convolve
    else { return nil }
    self.instructionSet = instructionSet
    self.tiled = tiled.pointee
    self.lowBit = lowBit.pointee
    self.scan = scan.pointee
    self.select = select.pointee
    self.rows = rows.pointee
    self.diagonal = diagonal.pointee
    self.decode = decode.pointee
    window = table.window?.pointee
    self.quantised = quantised.pointee
    self.features = features.pointee
    self.convolve = convolve.pointee
  }

  /// Every table that this CPU has, weakest first; never empty.
  public static var available: [KernelTable] {
    InstructionSet.allCases.compactMap { KernelTable($0) }
  }

  /// Strip width and key tile of the Float32 tiled kernels.
  public var tile: TileSize { TileSize(lanes: Int(tiled.lanes), keys: Int(tiled.key_tile)) }

  /// Strip width and key tile of the low-bit tiled kernels.
  public var lowBitTile: TileSize { TileSize(lanes: Int(lowBit.lanes), keys: Int(lowBit.key_tile)) }

  /// Strip width and key tile of the kernels that run any quantisation.
  public var quantisedTile: TileSize {
    TileSize(lanes: Int(quantised.lanes), keys: Int(quantised.key_tile))
  }

  /// Strip width and key tile of the kernels that run `plan`.
  public func tile(of plan: Plan) -> TileSize {
    let precision: AttendPrecision
    switch plan.stages.first {
    case .attend(let stage): precision = stage.precision
    case .attendSelected(let stage): precision = stage.precision
    default: return tile
    }
    switch precision {
    case .float32: return tile
    case .bfloat16, .int8: return lowBitTile
    case .quantised: return quantisedTile
    }
  }
}

/// What an engine runs with: micro-kernels and workers.
public struct ExecutionContext: Sendable {
  public let kernels: KernelTable
  public let pool: WorkerPool

  public init(kernels: KernelTable, pool: WorkerPool) {
    self.kernels = kernels
    self.pool = pool
  }
}
