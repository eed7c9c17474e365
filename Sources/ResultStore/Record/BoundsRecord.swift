// SPDX-License-Identifier: MIT

/// The most that a mechanism can gain over dense attention at this problem.
public struct BoundsRecord: Codable, Hashable, Sendable {
  /// Name of the probed machine among ``machines``.
  public static let host = "host"

  /// Dense operations / operations of the mechanism.
  public var flop: Quantity
  /// All tiles / visited tiles.
  public var tile: Quantity
  /// Tiles per query tile in dense attention / the most that one query tile visits.
  public var worstTile: Quantity
  public var machines: [MachineBound]
  /// Speed-up of the whole model at the worst-tile bound, where the suite gives attention's share
  /// of the model's time.
  public var endToEnd: Quantity?

  public init(
    flop: Quantity, tile: Quantity, worstTile: Quantity, machines: [MachineBound],
    endToEnd: Quantity? = nil
  ) {
    self.flop = flop
    self.tile = tile
    self.worstTile = worstTile
    self.machines = machines
    self.endToEnd = endToEnd
  }

  /// The bound on the machine `name`, or the reason it is missing.
  public func bound(on name: String) -> Known<MachineBound> {
    guard let bound = machines.first(where: { $0.machine == name }) else {
      return .absent(reason: "the case was not simulated on '\(name)'")
    }
    return .value(bound)
  }
}

/// Floor times of a mechanism and of dense attention on one machine.
public struct MachineBound: Codable, Hashable, Sendable {
  public var machine: String
  /// Precision at which the mechanism's products are priced.
  public var precision: String
  /// Precision at which dense attention is priced.
  public var densePrecision: String
  /// ``denseFloorSeconds`` / ``floorSeconds``.
  public var roofline: Quantity
  public var floorSeconds: Quantity
  public var denseFloorSeconds: Quantity
  /// What limits the mechanism, such as `f32 products` or `memory`.
  public var bindingCeiling: Known<String>
  public var denseBindingCeiling: Known<String>
  /// Work that the machine's description has no rate for, and that the floor leaves out.
  public var unpriced: [String]

  public init(
    machine: String, precision: String, densePrecision: String, roofline: Quantity,
    floorSeconds: Quantity, denseFloorSeconds: Quantity, bindingCeiling: Known<String>,
    denseBindingCeiling: Known<String>, unpriced: [String]
  ) {
    self.machine = machine
    self.precision = precision
    self.densePrecision = densePrecision
    self.roofline = roofline
    self.floorSeconds = floorSeconds
    self.denseFloorSeconds = denseFloorSeconds
    self.bindingCeiling = bindingCeiling
    self.denseBindingCeiling = denseBindingCeiling
    self.unpriced = unpriced
  }
}
