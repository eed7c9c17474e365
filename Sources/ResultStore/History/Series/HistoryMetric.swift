// SPDX-License-Identifier: MIT

/// A quantity that is followed over time, known by its name and unit.
public struct HistoryMetric: Hashable, Sendable {
  /// Which way is an improvement.
  public enum Better: String, Hashable, Sendable {
    case lower, higher
    /// A change is news but neither good nor bad.
    case neither
  }

  /// Such as `time`, `speed-up` or `counter/papi-sde/tiles_visited`.
  public let name: String
  /// Such as `ns`; `1` for a plain number.
  public let unit: String

  public init(name: String, unit: String) {
    self.name = name
    self.unit = unit
  }

  /// The median time of a mechanism with its inputs in cache.
  public static let time = HistoryMetric(name: "time", unit: "ns")
  public static let flashTime = HistoryMetric(name: "flash-time", unit: "ns")
  public static let denseTime = HistoryMetric(name: "dense-time", unit: "ns")
  /// Over `flash`, from adjacent pairs: comparable across machines of one kind.
  public static let speedUp = HistoryMetric(name: "speed-up", unit: "1")
  public static let speedUpOverDense = HistoryMetric(name: "speed-up-over-dense", unit: "1")
  public static let realisedShare = HistoryMetric(name: "realised-share", unit: "1")
  public static let floorShare = HistoryMetric(name: "floor-share", unit: "1")
  public static let shareOfPeak = HistoryMetric(name: "share-of-peak", unit: "1")
  public static let peak = HistoryMetric(name: "adjacent-peak", unit: "GFLOP/s")
  public static let workspace = HistoryMetric(name: "workspace", unit: "byte")
  public static let peakResident = HistoryMetric(name: "peak-resident", unit: "byte")
  public static let oracleError = HistoryMetric(name: "oracle-error", unit: "1")
  public static let denseCosine = HistoryMetric(name: "dense-cosine", unit: "1")
  public static let denseError = HistoryMetric(name: "dense-relative-l1", unit: "1")
  public static let denseRMSE = HistoryMetric(name: "dense-rmse", unit: "1")
  public static let productOperations = HistoryMetric(name: "product-operations", unit: "flop")
  public static let bytesMoved = HistoryMetric(name: "bytes-moved", unit: "byte")
  public static let pairs = HistoryMetric(name: "attended-pairs", unit: "pairs")

  /// A counter of a record.
  public static func counter(_ record: CounterRecord) -> HistoryMetric {
    HistoryMetric(name: "\(counterPrefix)\(record.source)/\(record.name)", unit: record.unit)
  }

  /// This metric with caches emptied before each call; warm and cold times are never mixed.
  public var cold: HistoryMetric {
    HistoryMetric(name: name + Self.coldSuffix, unit: unit)
  }

  /// This ratio joined across machines, relative to its first night.
  public var chained: HistoryMetric {
    HistoryMetric(name: name + Self.chainSuffix, unit: unit)
  }

  /// The metrics in which changes are looked for unless others are named.
  public static let watched: [HistoryMetric] = [
    .time, .time.cold, .speedUp, .speedUp.cold, .workspace, .oracleError, .productOperations,
    .bytesMoved, .pairs, cachegrindInstructions,
  ]

  public var better: Better {
    switch stem {
    case "speed-up", "speed-up-over-dense", "realised-share", "floor-share", "share-of-peak",
      "dense-cosine":
      .higher
    case "adjacent-peak", "attended-pairs": .neither
    default: .lower
    }
  }

  /// Whether the same code gives the same digits, so that every difference is a change.
  ///
  /// Errors are not: sums may be split otherwise on another number of threads.
  public var isExact: Bool {
    switch name {
    case "workspace", "product-operations", "bytes-moved", "attended-pairs": true
    default: name.hasPrefix("\(Self.counterPrefix)papi-sde/")
    }
  }

  private static let counterPrefix = "counter/"
  private static let coldSuffix = "-cold"
  private static let cachegrindInstructions = HistoryMetric(
    name: "\(counterPrefix)cachegrind/instructions", unit: "instructions")

  private static let chainSuffix = "-chain"

  /// The name without what tells its variants apart.
  private var stem: String {
    var stem = name
    for suffix in [Self.chainSuffix, Self.coldSuffix] where stem.hasSuffix(suffix) {
      stem.removeLast(suffix.count)
    }
    return stem
  }
}
