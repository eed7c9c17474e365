// SPDX-License-Identifier: MIT

import Configuration

extension Machine {
  /// Reads a machine file; `id` is its name without the extension.
  ///
  /// Every number is a mapping of `value`, `quality` and `source`. A rate or bandwidth per cycle
  /// belongs to one parallel unit and is multiplied by `clock` and `parallelUnits`; any other is
  /// that of the whole machine. The `scope` of a memory level says whose its capacity is, and its
  /// bandwidth unless that is given per cycle.
  public init(id: String, document: ConfigurationDocument) throws(ConfigurationFailure) {
    let required = [
      "title", "kind", "nativePrecision", "parallelUnits", "clock", "rates", "memory",
    ]
    let root = try document.root.mapping(
      keys: required + ["links", "tiles"], required: required)
    let kind = try root.required("kind").choice(of: Kind.self)
    let units = try root.required("parallelUnits").cited()
    let parallelUnits = units.number(try units.value.integer(in: 1...1_000_000))
    let clock = try root.required("clock").cited().value.quantity(.hertz, in: 1e6...1e11)
    let scale = UnitScale(units: parallelUnits.value, clock: clock)
    let rates = try root.required("rates").rates(kind: kind, scale: scale)
    let native = try root.required("nativePrecision")
    let nativePrecision = try native.choice(of: RateClass.self)
    guard nativePrecision.isProduct, rates[nativePrecision] != nil else {
      throw native.failure(
        "'\(nativePrecision.rawValue)' prices Float32 products, so it must be a class of products "
          + "with an entry under 'rates'")
    }
    self.init(
      id: id, title: try root.required("title").string(), kind: kind,
      nativePrecision: nativePrecision, parallelUnits: parallelUnits, rates: rates,
      levels: try root.required("memory").levels(scale: scale),
      links: try root.optional("links")?.links() ?? [],
      tileRule: try root.optional("tiles")?.tileRule())
  }
}

/// What turns a number per unit and cycle into one of the whole machine.
private struct UnitScale {
  let units: Int
  let clock: Double

  func whole(_ number: Sourced<Double>) -> Sourced<Double> {
    Sourced(
      number.value * clock * Double(units), quality: number.quality,
      source: number.source + "; per unit and cycle, times clock and units")
  }
}

/// A number that has been written with its source, before it is read.
private struct CitedNode {
  let value: ConfigurationNode
  let quality: SourceQuality
  let source: String

  func number<Value>(_ value: Value) -> Sourced<Value> {
    Sourced(value, quality: quality, source: source)
  }

  var isPerCycle: Bool {
    get throws(ConfigurationFailure) { try value.string().hasSuffix("/cycle") }
  }

  /// A positive quantity.
  func rate(_ dimension: UnitDimension) throws(ConfigurationFailure) -> Sourced<Double> {
    let positive = Double.leastNormalMagnitude...Double.greatestFiniteMagnitude
    return number(try value.quantity(dimension, in: positive))
  }

  /// A positive quantity of the whole machine, given as such or per unit and cycle.
  func rate(
    _ whole: UnitDimension, perCycle: UnitDimension, _ scale: UnitScale
  ) throws(ConfigurationFailure) -> Sourced<Double> {
    try isPerCycle ? scale.whole(rate(perCycle)) : rate(whole)
  }
}

extension ConfigurationNode {
  fileprivate func cited() throws(ConfigurationFailure) -> CitedNode {
    try CitedNode(mapping(keys: CitedNode.keys, required: CitedNode.keys))
  }

  fileprivate func rates(
    kind: Machine.Kind, scale: UnitScale
  ) throws(ConfigurationFailure) -> [RateClass: Rate] {
    var rates: [RateClass: Rate] = [:]
    for entry in try mapping(keys: RateClass.allCases.map(\.rawValue)).entries {
      guard let name = RateClass(rawValue: entry.key) else { continue }
      let fields = try entry.value.mapping(
        keys: CitedNode.keys + ["unit"], required: CitedNode.keys)
      let usual: ExecutionUnit =
        kind == .accelerator && name.isProduct && name != .float32 ? .matrix : .vector
      rates[name] = Rate(
        perSecond: try CitedNode(fields)
          .rate(.operationsPerSecond, perCycle: .operationsPerCycle, scale),
        unit: try fields.optional("unit")?.choice(of: ExecutionUnit.self) ?? usual)
    }
    return rates
  }

  fileprivate func levels(scale: UnitScale) throws(ConfigurationFailure) -> [MemoryLevel] {
    var levels: [MemoryLevel] = []
    for node in try list(count: 1...8) { levels.append(try node.level(scale: scale)) }
    return levels
  }

  fileprivate func links() throws(ConfigurationFailure) -> [Link] {
    var links: [Link] = []
    for node in try list(count: 1...8) {
      let fields = try node.mapping(
        keys: ["name", "bandwidth", "latency"], required: ["name", "bandwidth"])
      links.append(
        Link(
          name: try fields.required("name").string(),
          bandwidth: try fields.required("bandwidth").cited().rate(.bytesPerSecond),
          latency: try fields.optional("latency")?.cited().rate(.seconds)))
    }
    return links
  }

  fileprivate func tileRule() throws(ConfigurationFailure) -> TileRule {
    let fields = try mapping(keys: ["query", "key"], required: ["query", "key"])
    let query = try fields.required("query").cited()
    let key = try fields.required("key").cited()
    return TileRule(
      query: query.number(try query.value.integer(in: 1...1 << 20)),
      key: key.number(try key.value.integer(in: 1...1 << 20)))
  }

  private func level(scale: UnitScale) throws(ConfigurationFailure) -> MemoryLevel {
    let fields = try mapping(
      keys: ["name", "scope", "bandwidth", "capacity"], required: ["name", "scope"])
    let scope = try fields.required("scope").choice(of: MemoryLevel.Sharing.self)
    let bandwidth = try fields.optional("bandwidth")?.cited()
    let capacity = try fields.optional("capacity")?.cited()
    let bytes = try capacity?.value.byteCount(in: 1...1 << 50)
    let copies = scope == .unit ? scale.units : 1
    return MemoryLevel(
      name: try fields.required("name").string(),
      bandwidth: try bandwidth?.rate(.bytesPerSecond, perCycle: .bytesPerCycle, scale),
      bandwidthSharing: try bandwidth?.isPerCycle == true ? .unit : scope,
      capacity: bytes.flatMap { capacity?.number(Double($0 * copies)) }, capacitySharing: scope)
  }
}

extension CitedNode {
  fileprivate static let keys = ["value", "quality", "source"]

  fileprivate init(_ fields: ConfigurationMapping) throws(ConfigurationFailure) {
    let source = try fields.required("source")
    guard try !source.string().isEmpty else {
      throw source.failure("name the document or measurement that the number comes from")
    }
    self.init(
      value: try fields.required("value"),
      quality: try fields.required("quality").choice(of: SourceQuality.self),
      source: try source.string())
  }
}
