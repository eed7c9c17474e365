// SPDX-License-Identifier: MIT

import AttentionCore
import Configuration

/// A problem, tile, machine or share that the simulator cannot price.
public enum SimulatorError: Error, Hashable, Sendable {
  case tooSmall(name: String, value: Int, least: Int)
  case wrongRank(name: String, value: Extents, rank: Int)
  case windowExceedsAxis(axis: Int, window: Int, dilation: Int, length: Int)
  case strideExceedsWindow(axis: Int, stride: Int, window: Int)
  case tileExceedsAxis(name: String, tile: Extents, grid: Extents, axis: Int, most: Int)
  case overflow(quantity: String)
  case noTiles(mechanism: String, reason: String)
  case notSearchable(reason: String)
  case shareOutOfRange(name: String, value: Double)
  case unknownMachine(id: String, known: [String])
  case machineLacks(machine: String, quantity: String)
  case tooManyUnits(machine: String, value: Int, most: Int)
  case tileForbidden(machine: String, name: String, tile: Extents, multiple: Int, source: String)
  case unknownLink(name: String, machine: String, known: [String])
  case notPartitionable(partition: Partition, reason: String)
  case moreDevicesThanTokens(devices: Int, tokens: Int)
}

extension SimulatorError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .tooSmall(let name, let value, let least):
      "\(name) is \(value); it must be at least \(least)"
    case .wrongRank(let name, let value, let rank):
      "\(name) is \(value), which has \(value.rank) axes; expected \(rank)"
    case .windowExceedsAxis(let axis, let window, let dilation, let length):
      "window \(window) with dilation \(dilation) spans more than the \(length) positions of axis "
        + "\(axis); window times dilation must be at most \(length)"
    case .strideExceedsWindow(let axis, let stride, let window):
      "stride \(stride) exceeds window \(window) on axis \(axis); a stride above the window would "
        + "leave keys that no query attends to"
    case .tileExceedsAxis(let name, let tile, let grid, let axis, let most):
      "\(name) \(tile) does not fit grid \(grid): axis \(axis) has \(grid[axis]) positions, so a "
        + "tile spans at most \(most) of it"
    case .overflow(let quantity):
      "the count of \(quantity) exceeds 64 bits; reduce a size"
    case .noTiles(let mechanism, let reason):
      "'\(mechanism)' has no tiles to lay out: \(reason); leave the tile options out"
    case .notSearchable(let reason):
      "there is nothing to search: \(reason)"
    case .shareOutOfRange(let name, let value):
      "\(name) is \(value); it must lie between 0 and 1"
    case .unknownMachine(let id, let known):
      "there is no machine '\(id)'"
        + (EditDistance.nearest(to: id, among: known).map { "; did you mean '\($0)'?" }
          ?? "; known are \(known.joined(separator: ", ")), or give a file such as mine.yaml")
    case .machineLacks(let machine, let quantity):
      "machine '\(machine)' has no \(quantity)"
    case .tooManyUnits(let machine, let value, let most):
      "\(value) parallel units were asked of machine '\(machine)', which has \(most)"
    case .tileForbidden(let machine, let name, let tile, let multiple, let source):
      "\(name) \(tile) has \(tile.checkedCount.map(String.init) ?? "too many") tokens; on machine "
        + "'\(machine)' it must be a multiple of \(multiple) (\(source))"
    case .unknownLink(let name, let machine, let known):
      "machine '\(machine)' has no link '\(name)'; its file has \(known.joined(separator: ", "))"
    case .notPartitionable(let partition, let reason):
      "partition '\(partition.rawValue)' does not fit: \(reason)"
    case .moreDevicesThanTokens(let devices, let tokens):
      "\(devices) devices cannot share \(tokens) tokens; each needs at least one"
    }
  }

  /// The unknown word and the words it may have been meant as, if this is about a name.
  public var misspelling: (word: String, known: [String])? {
    if case .unknownMachine(let id, let known) = self { (id, known) } else { nil }
  }
}
