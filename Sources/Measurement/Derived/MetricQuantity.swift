// SPDX-License-Identifier: MIT

/// A quantity of a record that formulas may name, beside the counters.
public enum MetricQuantity: String, Hashable, Sendable, CaseIterable {
  case seconds, products, denseProducts, bytesRead, bytesWritten, attendedPairs, threads
  case peakFlopsPerSecond, speedUp, rooflineBound, flopBound, floorSeconds
  case workspaceBytes, peakResidentBytes
  case tilesVisited, tilesFull, pairsEvaluated, exponentials, elementsSorted, rowsGathered
  case exactProducts

  /// What it is, with its unit.
  public var summary: String {
    switch self {
    case .seconds: "median time of one call [s]"
    case .products: "product operations of the plan [flop]"
    case .denseProducts: "product operations of dense attention [flop]"
    case .bytesRead: "compulsory bytes read [byte]"
    case .bytesWritten: "compulsory bytes written [byte]"
    case .attendedPairs: "query-key pairs of the mechanism, all heads"
    case .threads: "worker threads"
    case .peakFlopsPerSecond: "f32 multiply-add rate next to the case [flop/s]"
    case .speedUp: "time of flash in f32 over time of the mechanism"
    case .rooflineBound: "roofline bound of the speed-up on this host"
    case .flopBound: "bound of the speed-up by operations alone"
    case .floorSeconds: "roofline floor of the mechanism on this host [s]"
    case .workspaceBytes: "scratch of the engine [byte]"
    case .peakResidentBytes: "largest resident size of the process [byte]"
    case .tilesVisited: "key-value tiles that the engine visited"
    case .tilesFull: "visited tiles that needed no mask"
    case .pairsEvaluated: "query-key pairs that the engine evaluated"
    case .exponentials: "exponentials that the engine evaluated"
    case .elementsSorted: "scores that a selection compared"
    case .rowsGathered: "rows gathered out of order"
    case .exactProducts: "product operations at the shape that cachegrind counted [flop]"
    }
  }

  /// Counters of every source by the name that formulas use: '-' becomes '_'.
  public static let counterNames: [String] = {
    var names = HardwareCounter.standard.map(\.name) + PerfEvent.allCases.map(\.rawValue)
    names += ResourceUsageSource.counterNames + [StealSource.counterName]
    names.append(CachegrindSource.counterName)
    var seen: Set<String> = []
    return names.map { formulaName(of: $0) }.filter { seen.insert($0).inserted }
  }()

  /// Every name that a formula may use.
  public static let formulaNames = allCases.map(\.rawValue) + counterNames

  /// A counter's name in formulas, where '-' would subtract.
  public static func formulaName(of counter: String) -> String {
    String(counter.map { $0 == "-" ? "_" : $0 })
  }
}
