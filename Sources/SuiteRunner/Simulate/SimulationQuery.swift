// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionMechanisms
import Simulator

/// A question to the simulator: one mechanism at one shape, on some machines, in some tiles.
public struct SimulationQuery {
  public let mechanismID: String
  public let overrides: [String: String]
  public let shape: AttentionShape
  public let machines: [Machine]
  /// Tiles of the simulated kernel; nil takes those of this project's kernels.
  public let tiles: TilePair?
  public let tiling: Tiling
  /// Devices that share the sequence; nil asks about one.
  public let devices: DeviceGroup?

  /// Devices that share a sequence.
  public struct DeviceGroup: Hashable, Sendable {
    public let count: Int
    public let partition: Partition
    /// Name of the link among those of the machine; nil takes its first.
    public let link: String?

    public init(count: Int, partition: Partition, link: String? = nil) {
      self.count = count
      self.partition = partition
      self.link = link
    }
  }

  public init(
    mechanismID: String, overrides: [String: String], shape: AttentionShape, machines: [Machine],
    tiles: TilePair? = nil, tiling: Tiling = .static, devices: DeviceGroup? = nil
  ) {
    self.mechanismID = mechanismID
    self.overrides = overrides
    self.shape = shape
    self.machines = machines
    self.tiles = tiles
    self.tiling = tiling
    self.devices = devices
  }

  /// Plans of the mechanism and of its baseline, dense attention with the same causality.
  ///
  /// - Throws: `MechanismError` or `ShapeError`.
  func plans(at shape: AttentionShape) throws -> LengthScan.Plans {
    (
      mechanism: try MechanismCatalogue.entry(mechanismID).make(overrides, shape: shape).plan,
      dense: try Flash(NoParameters(), shape: CaseBounds.denseShape(shape)).plan
    )
  }

  /// The tiles that were asked for, or 32 queries by 8 keys along the last axis of the mask of `plan`,
  /// fewer where that axis is shorter.
  func tiles(of plan: Plan) -> TilePair {
    if let tiles { return tiles }
    guard tiling != .flat, case .attend(let stage) = plan.stages.first,
      case .neighborhood(let mask) = stage.rule
    else { return TilePair(query: 32, key: 8) }
    let ones = [Int](repeating: 1, count: mask.axes.count - 1)
    let last = mask.axes.last?.length ?? 32
    return TilePair(query: Extents(ones + [min(32, last)]), key: Extents(ones + [min(8, last)]))
  }
}
