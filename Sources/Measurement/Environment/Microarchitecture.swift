// SPDX-License-Identifier: MIT

/// The name of a processor design, as it stands in a slug.
public enum Microarchitecture {
  /// The design behind a CPUID identity, or `generic`.
  ///
  /// Sources: AMD *Processor Programming References* and Intel *SDM* volume 4, table 2-1.
  public static func name(of identity: CPUIdentity) -> String {
    switch identity.vendor {
    case "AuthenticAMD": amd(family: identity.family, model: identity.model)
    case "HygonGenuine" where identity.family == 24: "zen1"
    case "GenuineIntel" where identity.family == 6:
      intel(model: identity.model, stepping: identity.stepping)
    default: "generic"
    }
  }

  private static func amd(family: Int, model: Int) -> String {
    switch (family, model) {
    case (23, 0x30...): "zen2"
    case (23, _): "zen1"
    case (25, 0x10...0x1f), (25, 0x60...0x7f), (25, 0xa0...0xaf): "zen4"
    case (25, _): "zen3"
    case (26, _): "zen5"
    default: "generic"
    }
  }

  private static func intel(model: Int, stepping: Int) -> String {
    switch model {
    case 0x3c, 0x3f, 0x45, 0x46: "haswell"
    case 0x3d, 0x47, 0x4f, 0x56: "broadwell"
    case 0x4e, 0x5e, 0x8e, 0x9e, 0xa5, 0xa6: "skylake"
    // One model number, three server generations.
    case 0x55: stepping >= 10 ? "cooperlake" : stepping >= 5 ? "cascadelake" : "skylakex"
    case 0x6a, 0x6c, 0x7d, 0x7e: "icelake"
    case 0x8c, 0x8d: "tigerlake"
    case 0x8f: "sapphirerapids"
    case 0xcf: "emeraldrapids"
    case 0xad, 0xae: "graniterapids"
    case 0x97, 0x9a: "alderlake"
    case 0xb7, 0xba, 0xbf: "raptorlake"
    case 0xaa, 0xac: "meteorlake"
    case 0xaf: "sierraforest"
    default: "generic"
    }
  }
}
