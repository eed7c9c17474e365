// SPDX-License-Identifier: MIT

import CPlatform

/// An instruction-set extension that both the CPU and the operating system support.
public enum CPUFeature: String, CaseIterable, Hashable, Codable, Sendable, Comparable {
  case avx2
  case fma
  case avx512f
  case avx512bw
  case avx512vl
  case avx512dq
  case avx512Vnni = "avx512_vnni"
  case avx512Bf16 = "avx512_bf16"
  case avxVnni = "avx_vnni"
  case amxTile = "amx_tile"
  case amxInt8 = "amx_int8"
  case amxBf16 = "amx_bf16"
  case hypervisor

  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  var bit: UInt32 {
    switch self {
    case .avx2: CPLATFORM_FEATURE_AVX2.rawValue
    case .fma: CPLATFORM_FEATURE_FMA.rawValue
    case .avx512f: CPLATFORM_FEATURE_AVX512F.rawValue
    case .avx512bw: CPLATFORM_FEATURE_AVX512BW.rawValue
    case .avx512vl: CPLATFORM_FEATURE_AVX512VL.rawValue
    case .avx512dq: CPLATFORM_FEATURE_AVX512DQ.rawValue
    case .avx512Vnni: CPLATFORM_FEATURE_AVX512_VNNI.rawValue
    case .avx512Bf16: CPLATFORM_FEATURE_AVX512_BF16.rawValue
    case .avxVnni: CPLATFORM_FEATURE_AVX_VNNI.rawValue
    case .amxTile: CPLATFORM_FEATURE_AMX_TILE.rawValue
    case .amxInt8: CPLATFORM_FEATURE_AMX_INT8.rawValue
    case .amxBf16: CPLATFORM_FEATURE_AMX_BF16.rawValue
    case .hypervisor: CPLATFORM_FEATURE_HYPERVISOR.rawValue
    }
  }
}

/// What CPUID says about the processor.
public struct CPUIdentity: Hashable, Sendable {
  public let vendor: String
  public let brand: String
  public let family: Int
  public let model: Int
  public let stepping: Int
  public let features: Set<CPUFeature>
  /// 0 where CPUID does not tell.
  public let l1DataBytes: Int
  public let l2Bytes: Int
  public let l3Bytes: Int
  /// The hypervisor's name, or nil on bare metal.
  public let hypervisor: String?

  public init(
    vendor: String, brand: String, family: Int, model: Int, stepping: Int,
    features: Set<CPUFeature>, l1DataBytes: Int, l2Bytes: Int, l3Bytes: Int, hypervisor: String?
  ) {
    self.vendor = vendor
    self.brand = brand
    self.family = family
    self.model = model
    self.stepping = stepping
    self.features = features
    self.l1DataBytes = l1DataBytes
    self.l2Bytes = l2Bytes
    self.l3Bytes = l3Bytes
    self.hypervisor = hypervisor
  }

  /// The processor that the program runs on; the same for the life of the process.
  public static let current: Self = {
    let cpu = cplatform_cpu()
    let hypervisor = text(cplatform_hypervisor_vendor)
    return Self(
      vendor: text(cplatform_cpu_vendor), brand: text(cplatform_cpu_brand),
      family: Int(cpu.family), model: Int(cpu.model), stepping: Int(cpu.stepping),
      features: Set(CPUFeature.allCases.filter { cpu.features & $0.bit != 0 }),
      l1DataBytes: Int(cpu.l1_data_bytes), l2Bytes: Int(cpu.l2_bytes), l3Bytes: Int(cpu.l3_bytes),
      hypervisor: hypervisor.isEmpty ? nil : hypervisor)
  }()

  var featureBits: UInt32 { features.reduce(0) { $0 | $1.bit } }

  private static func text(_ write: (UnsafeMutablePointer<CChar>?, Int) -> Void) -> String {
    var letters = [CChar](repeating: 0, count: 64)
    write(&letters, letters.count)
    let bytes = letters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    // CPUID pads the brand with blanks on either side.
    let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
    return words.joined(separator: " ")
  }
}
