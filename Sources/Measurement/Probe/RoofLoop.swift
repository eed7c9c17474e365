// SPDX-License-Identifier: MIT

import CPlatform

/// The kinds of operation whose peak rate is measured.
public enum RoofKind: String, CaseIterable, Hashable, Codable, Sendable {
  /// Float32 multiply-adds, counted as two operations.
  case float32MultiplyAdd
  /// Bfloat16 products added up in Float32, counted as two operations.
  case bfloat16Dot
  /// Unsigned times signed 8-bit products added up in 32 bits, counted as two operations.
  case int8Dot
  /// Exponentials of Float32 by a polynomial of degree 5, counted as one.
  case exponential
}

/// The instructions that a peak loop is made of.
public enum RoofInstructions: String, CaseIterable, Hashable, Codable, Sendable {
  /// One element at a time.
  case scalar
  /// 128 bits, multiply and add apart: what the compiler makes of portable C.
  case sse2
  case avx2
  case avx512
  case avx512Bf16 = "avx512_bf16"
  case avxVnni = "avx_vnni"
  case avx512Vnni = "avx512_vnni"
}

/// A loop that does nothing but one kind of operation, as fast as the core can.
public struct RoofLoop: Hashable, Sendable {
  public let kind: RoofKind
  public let instructions: RoofInstructions
  private let code: UInt32

  private init(_ kind: RoofKind, _ instructions: RoofInstructions, _ code: cplatform_roof_t) {
    self.kind = kind
    self.instructions = instructions
    self.code = code.rawValue
  }

  /// Every loop, whether or not this CPU can run it.
  public static let all: [Self] = [
    Self(.float32MultiplyAdd, .scalar, CPLATFORM_ROOF_F32_SCALAR),
    Self(.float32MultiplyAdd, .sse2, CPLATFORM_ROOF_F32_SSE2),
    Self(.float32MultiplyAdd, .avx2, CPLATFORM_ROOF_F32_AVX2),
    Self(.float32MultiplyAdd, .avx512, CPLATFORM_ROOF_F32_AVX512),
    Self(.bfloat16Dot, .avx512Bf16, CPLATFORM_ROOF_BF16_AVX512),
    Self(.int8Dot, .avx2, CPLATFORM_ROOF_INT8_AVX2),
    Self(.int8Dot, .avxVnni, CPLATFORM_ROOF_INT8_AVX_VNNI),
    Self(.int8Dot, .avx512Vnni, CPLATFORM_ROOF_INT8_AVX512_VNNI),
    Self(.exponential, .scalar, CPLATFORM_ROOF_EXP_SCALAR),
    Self(.exponential, .avx2, CPLATFORM_ROOF_EXP_AVX2),
    Self(.exponential, .avx512, CPLATFORM_ROOF_EXP_AVX512),
  ]

  /// The loops that a CPU can run.
  public static func supported(by identity: CPUIdentity) -> [Self] {
    all.filter { cplatform_roof_supported($0.roof, identity.featureBits) }
  }

  private var roof: cplatform_roof_t { cplatform_roof_t(rawValue: code) }

  /// Runs the loop; the CPU must support it.
  package func run(iterations: UInt64) -> (operations: UInt64, checksum: Double) {
    var checksum = 0.0
    let operations = cplatform_roof_run(roof, iterations, &checksum)
    return (operations, checksum)
  }

  /// The checksum that a run of so many iterations must give.
  package func expectedChecksum(iterations: UInt64) -> Double {
    cplatform_roof_checksum(roof, iterations)
  }
}
