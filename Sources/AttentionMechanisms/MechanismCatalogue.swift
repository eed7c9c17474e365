// SPDX-License-Identifier: MIT

import AttentionCore

/// Every mechanism that the suite knows, in the order in which tables show them.
public enum MechanismCatalogue {
  public static let entries: [MechanismEntry] = [
    MechanismEntry(DenseNaive.self),
    MechanismEntry(DenseBlas.self),
    MechanismEntry(Flash.self),
    MechanismEntry(BFloat16Flash.self),
    MechanismEntry(Sage1.self),
    MechanismEntry(SplitKV.self),
    MechanismEntry(Neighborhood.self),
    MechanismEntry(MoBA.self),
    MechanismEntry(VMoBA.self),
    MechanismEntry(NSA.self),
    MechanismEntry(BiFormer.self),
    MechanismEntry(Seer.self),
    MechanismEntry(SeerR.self),
    MechanismEntry(MInferenceBlock.self),
    MechanismEntry(MInferenceVerticalSlash.self),
    MechanismEntry(PBS.self),
    MechanismEntry(ProxyAttn.self),
    MechanismEntry(Sparge.self),
    MechanismEntry(SALE.self),
    MechanismEntry(HiP.self),
    MechanismEntry(LongHeads.self),
    MechanismEntry(Landmark.self),
    MechanismEntry(DSV.self),
    MechanismEntry(Linear.self),
    MechanismEntry(Lightning.self),
    MechanismEntry(Performer.self),
    MechanismEntry(FNet.self),
    MechanismEntry(FFTNet.self),
  ]

  public static let ids = entries.map(\.id)

  /// - Throws: ``MechanismError/unknownMechanism(id:known:)``.
  public static func entry(_ id: String) throws(MechanismError) -> MechanismEntry {
    guard let entry = entries.first(where: { $0.id == id }) else {
      throw .unknownMechanism(id: id, known: ids)
    }
    return entry
  }
}
