// SPDX-License-Identifier: MIT

import AttentionCore

/// The pure work of the plan.
public struct WorkRecord: Codable, Hashable, Sendable {
  /// Query-key pairs over all heads and batches, for mechanisms that have pairs.
  public var attendedPairs: Known<Int>
  /// Operations of the mechanism per class.
  public var operations: OperationCounts
  /// Operations of dense attention per class at the same problem.
  public var denseOperations: OperationCounts
  /// Compulsory traffic.
  public var bytesRead: Int
  public var bytesWritten: Int
  public var tiles: Known<TileCounts>
  /// Tiles where keys are chosen by the data; nil for every other mechanism.
  public var selection: SelectedTilesRecord?

  public init(
    attendedPairs: Known<Int>, operations: OperationCounts, denseOperations: OperationCounts,
    bytesRead: Int, bytesWritten: Int, tiles: Known<TileCounts>,
    selection: SelectedTilesRecord? = nil
  ) {
    self.attendedPairs = attendedPairs
    self.operations = operations
    self.denseOperations = denseOperations
    self.bytesRead = bytesRead
    self.bytesWritten = bytesWritten
    self.tiles = tiles
    self.selection = selection
  }

  /// Product operations per byte of compulsory traffic [flop/byte].
  public var arithmeticIntensity: Quantity {
    let bytes = Double(bytesRead) + Double(bytesWritten)
    guard bytes > 0 else { return .absent(reason: "the plan moves no bytes") }
    return .value(operations.productOperations / bytes)
  }
}

extension OperationCounts {
  /// ``products`` as a floating-point sum, which a damaged file cannot make overflow.
  package var productOperations: Double {
    let products: [OperationClass] = [.float32, .bfloat16, .int8, .fourier]
    return products.reduce(0) { $0 + Double(self[$1]) }
  }
}

/// What the engine counted, beside what the plan predicts.
public struct CountsRecord: Codable, Hashable, Sendable {
  public var measured: Known<EngineCounts>
  public var expected: Known<EngineCounts>

  public init(measured: Known<EngineCounts>, expected: Known<EngineCounts>) {
    self.measured = measured
    self.expected = expected
  }

  /// Whether every count that does not depend on the data is as predicted.
  public var agree: Known<Bool> {
    measured.flatMap { measured in expected.map { $0.exact == measured.exact } }
  }

  private enum CodingKeys: String, CodingKey {
    case measured
    case expected
    case agree
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    measured = try container.decode(Known<EngineCounts>.self, forKey: .measured)
    expected = try container.decode(Known<EngineCounts>.self, forKey: .expected)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(measured, forKey: .measured)
    try container.encode(expected, forKey: .expected)
    try container.encode(agree, forKey: .agree)
  }
}
