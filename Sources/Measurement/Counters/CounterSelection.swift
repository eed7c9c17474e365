// SPDX-License-Identifier: MIT

import Configuration

/// The counter sources of this program, in the order in which records show them.
public enum CounterSourceName: String, Hashable, Sendable, CaseIterable {
  case papi
  case papiSoftware = "papi-sde"
  case perf
  case rusage
  case proc
  case cachegrind
}

/// Which counters a run reads: `auto`, `papi`, `perf`, `cachegrind`, `none` or a list.
///
/// A list holds sources, counters by their name here (`cycles`), and events by PAPI's name
/// (`PAPI_TOT_CYC`, `perf::INSTRUCTIONS`), separated by commas. Counters narrow their sources down.
public struct CounterSelection: Hashable, Sendable {
  public let sources: Set<CounterSourceName>
  /// Counters to show; nil shows all of the sources.
  public let names: Set<String>?
  /// Events by PAPI's own name, counted as they are.
  public let papiEvents: [String]

  /// All sources but cachegrind, which runs a case again and takes seconds.
  public static let automatic = Self(
    sources: Set(CounterSourceName.allCases).subtracting([.cachegrind]), names: nil, papiEvents: [])
  /// Every source, for lists of what there is.
  public static let everything = Self(
    sources: Set(CounterSourceName.allCases), names: nil, papiEvents: [])
  public static let none = Self(sources: [], names: nil, papiEvents: [])

  private init(sources: Set<CounterSourceName>, names: Set<String>?, papiEvents: [String]) {
    self.sources = sources
    self.names = names
    self.papiEvents = papiEvents
  }

  /// The selection that `text` describes.
  ///
  /// - Throws: ``MeasurementError/unknownCounter(name:nearest:known:)``, or `mixedNone` for `none`
  ///   among others.
  public init(_ text: String) throws(MeasurementError) {
    var sources: Set<CounterSourceName> = []
    var names: Set<String> = []
    var events: [String] = []
    let parts = text.split(separator: ",", omittingEmptySubsequences: false).map {
      String($0).trimmedSpaces
    }
    for part in parts {
      if let group = Self.groups[part] {
        sources.formUnion(group)
      } else if let source = CounterSourceName(rawValue: part) {
        sources.insert(source)
      } else if let owner = Self.owner(of: part) {
        sources.insert(owner)
        names.insert(part)
      } else if part.hasPrefix("PAPI_") || part.contains("::") {
        sources.insert(.papi)
        events.append(part)
      } else {
        throw .unknownCounter(
          name: part, nearest: EditDistance.nearest(to: part, among: Self.words), known: Self.words)
      }
    }
    guard !parts.contains("none") || parts.count == 1 else { throw .mixedNone(text) }
    // A source that is named beside single counters is shown whole.
    let isNarrow = !names.isEmpty || !events.isEmpty
    let whole = parts.contains { Self.groups[$0] != nil || CounterSourceName(rawValue: $0) != nil }
    self.init(sources: sources, names: isNarrow && !whole ? names : nil, papiEvents: events)
  }

  /// The hardware counters to ask PAPI for.
  public var hardwareCounters: [HardwareCounter] {
    let standard = HardwareCounter.standard.filter { names?.contains($0.name) ?? true }
    return standard + papiEvents.map { HardwareCounter(name: $0, unit: "events", candidates: [$0]) }
  }

  /// Whether a reading is among those asked for.
  public func shows(_ reading: CounterReading) -> Bool {
    guard let names else { return true }
    return names.contains(reading.name) || papiEvents.contains(reading.name)
  }

  private static let groups: [String: Set<CounterSourceName>] = [
    "auto": automatic.sources, "none": [], "papi": [.papi, .papiSoftware],
    "perf": [.perf, .rusage, .proc],
  ]

  /// Words that may stand in a list.
  public static let words =
    ["auto", "papi", "perf", "cachegrind", "none", "papi-sde", "rusage", "proc"]
    + HardwareCounter.standard.map(\.name)
    + PerfEvent.allCases.map(\.rawValue).filter { name in
      !HardwareCounter.standard.contains { $0.name == name }
    }

  private static func owner(of counter: String) -> CounterSourceName? {
    if HardwareCounter.standard.contains(where: { $0.name == counter }) { return .papi }
    return PerfEvent(rawValue: counter) == nil ? nil : .perf
  }
}

extension String {
  fileprivate var trimmedSpaces: String {
    String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}
