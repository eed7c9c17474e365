// SPDX-License-Identifier: MIT

/// A hardware counter by its meaning, with the events that may provide it.
public struct HardwareCounter: Hashable, Sendable {
  public let name: String
  public let unit: String
  /// PAPI presets and native events, best first; the first that counts on this host is used.
  public let candidates: [String]

  public init(name: String, unit: String, candidates: [String]) {
    self.name = name
    self.unit = unit
    self.candidates = candidates
  }

  /// The counters that the metrics are made of.
  ///
  /// Presets come first because PAPI has tuned them to the processor; the `perf::` names are the
  /// kernel's own and exist where PAPI lacks presets for a new processor.
  public static let standard: [Self] = [
    Self(name: "cycles", unit: "cycles", candidates: ["PAPI_TOT_CYC", "perf::CPU-CYCLES"]),
    Self(
      name: "instructions", unit: "instructions",
      candidates: ["PAPI_TOT_INS", "perf::INSTRUCTIONS"]),
    Self(
      name: "vector-flops", unit: "flops",
      candidates: ["PAPI_SP_OPS", "PAPI_FP_OPS", "RETIRED_SSE_AVX_FLOPS:ANY"]),
    Self(
      name: "l1-data-misses", unit: "events",
      candidates: ["PAPI_L1_DCM", "perf::L1-DCACHE-LOAD-MISSES"]),
    Self(name: "l2-misses", unit: "events", candidates: ["PAPI_L2_DCM", "PAPI_L2_TCM"]),
    Self(
      name: "last-level-misses", unit: "events",
      candidates: ["PAPI_L3_TCM", "perf::LLC-LOAD-MISSES", "perf::CACHE-MISSES"]),
    Self(
      name: "data-tlb-misses", unit: "events",
      candidates: ["PAPI_TLB_DM", "perf::DTLB-LOAD-MISSES"]),
    Self(
      name: "branch-misses", unit: "events", candidates: ["PAPI_BR_MSP", "perf::BRANCH-MISSES"]),
    Self(
      name: "stalled-cycles", unit: "cycles",
      candidates: ["PAPI_RES_STL", "PAPI_STL_ICY", "perf::STALLED-CYCLES-BACKEND"]),
    Self(name: "package-energy", unit: "nJ", candidates: ["rapl:::PACKAGE_ENERGY:PACKAGE0"]),
  ]
}
