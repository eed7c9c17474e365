// SPDX-License-Identifier: MIT

/// The pure work of one stage of a plan, with no kernel in sight.
public struct StageWork: Hashable, Sendable, Codable {
  /// What the stage does, such as `attend` or `quantise keys`.
  public var name: String
  public var operations: OperationCounts
  /// Bytes that must be read from memory at least once [byte].
  public var bytesRead: Int
  /// Bytes that must be written at least once [byte].
  public var bytesWritten: Int
  /// Of the bytes read and written together, those of elements narrower than Float32 [byte].
  ///
  /// Float32 tensors stand for the native width of a machine; these are moved as they are.
  public var narrowBytes: Int
  /// The class that the stage converts Float32 tensors to, if it does nothing else.
  ///
  /// A machine whose tensors are of that class has no such stage.
  public var convertsTo: OperationClass?
  /// Independent pieces that any machine could run at the same time.
  ///
  /// They are rows, strips or chunks of the mathematics, not the units that one engine hands out:
  /// the floor must hold for every implementation.
  public var parallelUnits: Int

  public init(
    name: String, operations: OperationCounts, bytesRead: Int, bytesWritten: Int,
    narrowBytes: Int = 0, convertsTo: OperationClass? = nil, parallelUnits: Int
  ) {
    self.name = name
    self.operations = operations
    self.bytesRead = bytesRead
    self.bytesWritten = bytesWritten
    self.narrowBytes = narrowBytes
    self.convertsTo = convertsTo
    self.parallelUnits = parallelUnits
  }

  public var bytesMoved: Int { bytesRead + bytesWritten }
}

/// Key-value tiles of a schedule: what dense attention would visit, and what this one does.
public struct TileCounts: Hashable, Sendable, Codable {
  /// Query tile x key tile pairs of dense attention.
  public var total: Int
  /// Pairs of tiles with work to do.
  public var visited: Int
  /// Visited tiles in which every query sees every key.
  public var full: Int
  /// The most key tiles that one query tile visits.
  public var worst: Int
  /// Key tiles per query tile of dense attention, as ``worst`` counts them.
  public var densePerQueryTile: Int
  /// Query-key pairs inside visited tiles, without padding lanes.
  public var evaluatedPairs: Int

  public init(
    total: Int = 0, visited: Int = 0, full: Int = 0, worst: Int = 0, densePerQueryTile: Int = 0,
    evaluatedPairs: Int = 0
  ) {
    self.total = total
    self.visited = visited
    self.full = full
    self.worst = worst
    self.densePerQueryTile = densePerQueryTile
    self.evaluatedPairs = evaluatedPairs
  }

  public var partial: Int { visited - full }
}

/// What an engine counted while it ran, to be compared with the plan's own numbers.
public struct EngineCounts: Hashable, Sendable, Codable {
  public var tilesVisited = 0
  public var tilesFull = 0
  public var pairsEvaluated = 0
  public var exponentials = 0
  /// Rescales of an accumulator; they depend on the data and are compared with nothing.
  public var rescales = 0
  /// Compulsory bytes that the engine was asked to read and write.
  public var bytesRead = 0
  public var bytesWritten = 0
  /// Scores that a selection rule compared.
  public var elementsSorted = 0
  /// Rows that were gathered out of order.
  public var rowsGathered = 0
  /// Pairs, of those evaluated, whose values a filter left out; nil where there is no filter.
  public var pairsLeftOut: Int?

  public init() {}

  public static func += (left: inout Self, right: Self) {
    left.tilesVisited += right.tilesVisited
    left.tilesFull += right.tilesFull
    left.pairsEvaluated += right.pairsEvaluated
    left.exponentials += right.exponentials
    left.rescales += right.rescales
    left.bytesRead += right.bytesRead
    left.bytesWritten += right.bytesWritten
    left.elementsSorted += right.elementsSorted
    left.rowsGathered += right.rowsGathered
    if let pairs = right.pairsLeftOut { left.pairsLeftOut = (left.pairsLeftOut ?? 0) + pairs }
  }

  /// The counts of `repetitions` such runs.
  public func times(_ repetitions: Int) -> EngineCounts {
    var product = self
    product.tilesVisited *= repetitions
    product.tilesFull *= repetitions
    product.pairsEvaluated *= repetitions
    product.exponentials *= repetitions
    product.rescales *= repetitions
    product.bytesRead *= repetitions
    product.bytesWritten *= repetitions
    product.elementsSorted *= repetitions
    product.rowsGathered *= repetitions
    product.pairsLeftOut = pairsLeftOut.map { $0 * repetitions }
    return product
  }

  /// The counts that do not depend on the data.
  public var exact: EngineCounts {
    var copy = self
    copy.rescales = 0
    return copy
  }
}
