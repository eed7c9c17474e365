// SPDX-License-Identifier: MIT

import AttentionCore
import Statistics

/// The geometric mean of the time ratios of one family of mechanisms.
public struct FamilyMean: Hashable, Codable, Sendable {
  /// Nil for all cases together.
  public var family: MechanismFamily?
  /// Time of head / time of base, with the interval of the measuring errors of these cases.
  public var ratio: CombinedRatio

  /// One entry per family in the order of ``MechanismFamily``, then one for all cases.
  public static func all(_ cases: [CaseComparison]) -> [FamilyMean] {
    let families = MechanismFamily.allCases.compactMap { family in
      mean(of: cases.filter { $0.family == family }, family: family)
    }
    guard families.count > 1, let whole = mean(of: cases, family: nil) else { return families }
    return families + [whole]
  }

  private static func mean(of cases: [CaseComparison], family: MechanismFamily?) -> FamilyMean? {
    let ratios = cases.compactMap { $0.time?.last }.map { ($0.ratio, $0.interval) }
    guard let ratio = try? CombinedRatio(of: ratios) else { return nil }
    return FamilyMean(family: family, ratio: ratio)
  }
}
