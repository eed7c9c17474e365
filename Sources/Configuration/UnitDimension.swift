// SPDX-License-Identifier: MIT

/// What a quantity measures: a product of powers of the base units.
public struct UnitDimension: Hashable, Sendable {
  /// Operations of any class: `FLOP` and `OP` measure the same.
  public let operation: Int
  public let byte: Int
  public let second: Int
  /// Clock cycles; a hertz is one cycle per second, so that FLOP/cycle times Hz is FLOP/s.
  public let cycle: Int
  public let joule: Int

  public init(operation: Int = 0, byte: Int = 0, second: Int = 0, cycle: Int = 0, joule: Int = 0) {
    self.operation = operation
    self.byte = byte
    self.second = second
    self.cycle = cycle
    self.joule = joule
  }

  public static let ratio = UnitDimension()
  public static let operations = UnitDimension(operation: 1)
  public static let bytes = UnitDimension(byte: 1)
  public static let seconds = UnitDimension(second: 1)
  public static let cycles = UnitDimension(cycle: 1)
  public static let joules = UnitDimension(joule: 1)
  public static let operationsPerSecond = UnitDimension(operation: 1, second: -1)
  public static let bytesPerSecond = UnitDimension(byte: 1, second: -1)
  public static let hertz = UnitDimension(second: -1, cycle: 1)
  public static let watts = UnitDimension(second: -1, joule: 1)
  public static let operationsPerCycle = UnitDimension(operation: 1, cycle: -1)
  public static let bytesPerCycle = UnitDimension(byte: 1, cycle: -1)
  public static let operationsPerByte = UnitDimension(operation: 1, byte: -1)
  public static let joulesPerOperation = UnitDimension(operation: -1, joule: 1)
  public static let joulesPerByte = UnitDimension(byte: -1, joule: 1)

  /// The base unit, such as `FLOP/s`; empty for a ratio.
  public var baseUnit: String {
    if self == .hertz { return "Hz" }
    if self == .watts { return "W" }
    let powers = [
      ("FLOP", operation), ("B", byte), ("J", joule), ("cycle", cycle), ("s", second),
    ]
    func product(_ sign: Int) -> String {
      powers.filter { $0.1 * sign > 0 }
        .map { abs($0.1) == 1 ? $0.0 : "\($0.0)^\(abs($0.1))" }.joined(separator: "*")
    }
    let (above, below) = (product(1), product(-1))
    if below.isEmpty { return above }
    return (above.isEmpty ? "1" : above) + "/" + below
  }

  /// What it is called in messages.
  var name: String { known?.name ?? "a quantity in \(baseUnit)" }

  /// A value as users write it.
  var example: String { known?.example ?? "1 \(baseUnit)" }

  private var known: (name: String, example: String)? {
    switch self {
    case .ratio: ("a ratio", "0.3 or 30 %")
    case .operations: ("a number of operations", "2 GFLOP")
    case .bytes: ("a size", "50 MiB")
    case .seconds: ("a time", "500 ms")
    case .cycles: ("a number of cycles", "4 cycle")
    case .joules: ("an energy", "20 pJ")
    case .operationsPerSecond: ("a rate of operations", "990 TFLOP/s")
    case .bytesPerSecond: ("a bandwidth", "3.35 TB/s")
    case .hertz: ("a frequency", "2.5 GHz")
    case .watts: ("a power", "700 W")
    case .operationsPerCycle: ("operations per cycle", "32 FLOP/cycle")
    case .bytesPerCycle: ("bytes per cycle", "64 B/cycle")
    case .operationsPerByte: ("operations per byte", "290 FLOP/B")
    case .joulesPerOperation: ("an energy per operation", "1 pJ/FLOP")
    case .joulesPerByte: ("an energy per byte", "15 pJ/B")
    default: nil
    }
  }
}
