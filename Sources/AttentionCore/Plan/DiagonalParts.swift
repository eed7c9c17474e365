// SPDX-License-Identifier: MIT

extension NeighborhoodMask {
  /// Whether every window slides with its query, so that the diagonal form can run this mask.
  public var slides: Bool {
    extraKeys == 0 && (1...3).contains(axes.count)
      && axes.allSatisfy { $0.stride == 1 && $0.dilation == 1 && !$0.isCausal }
  }

  /// Whether the diagonal form is the faster one: by measurement, from the mask alone.
  ///
  /// It computes no pair in vain but loads more per multiply-add; masked tiles catch up as windows
  /// outgrow them. On one axis a block has a single row of queries, which the loads dominate, and
  /// where the last axis leaves lanes empty their share of the work is lost.
  public var prefersDiagonal: Bool {
    guard slides, axes.count > 1, let last = axes.last else { return false }
    let lanes = (last.length + Self.lanes - 1) / Self.lanes * Self.lanes
    return axes.reduce(1) { $0 * $1.window } <= Self.mostDiagonalKeys
      && 10 * last.length >= 7 * lanes
  }

  /// Window volume up to which the diagonal form is faster than masked tiles.
  private static let mostDiagonalKeys = 1024
  /// Lanes of the widest kernels.
  private static let lanes = 16
}

/// How the diagonal form cuts a grid into parts that run apart.
///
/// Each part packs the keys of its own windows, so cuts cost the packing of what they share. They
/// follow from the plan alone: counted work does not depend on the machine.
public struct DiagonalParts: Hashable, Sendable {
  /// Ranges of query positions on the outer axis.
  public let queries: [Range<Int>]
  /// Positions of the outer axis whose keys each part reads.
  public let keys: [Range<Int>]
  /// Tokens per position of the outer axis.
  public let tokensPerPosition: Int

  /// Grid rows of queries that share the loads of keys.
  private static let blockRows = 4
  /// Parts of all heads together that keep a few workers busy to the end.
  private static let fewestUnits = 16
  /// Heads that do not keep a few workers busy by themselves.
  private static let fewHeads = 4

  /// - Requires: `mask.slides`.
  public init(_ mask: NeighborhoodMask, keyValueHeads: Int) {
    let padded = [AxisWindow](repeating: .single, count: max(3 - mask.axes.count, 0)) + mask.axes
    let outer = padded[0].length > 1 ? padded[0] : padded[1]
    let wanted = (Self.fewestUnits + keyValueHeads - 1) / keyValueHeads
    // Twice the window: at most half of the packing is done twice. Few heads take all of it twice,
    // which costs less than a worker that waits.
    let windows = keyValueHeads < Self.fewHeads ? 1 : 2
    let smallest = max(windows * outer.window, Self.blockRows)
    let parts = max(min(wanted, outer.length / smallest), 1)
    let length = (outer.length + parts - 1) / parts
    let rounded = (length + Self.blockRows - 1) / Self.blockRows * Self.blockRows
    queries = stride(from: 0, to: outer.length, by: rounded).map {
      $0..<min($0 + rounded, outer.length)
    }
    keys = queries.map { part in
      let first = outer.range(index: part.lowerBound, count: outer.length)
      let last = outer.range(index: part.upperBound - 1, count: outer.length)
      return first.lowerBound..<last.upperBound
    }
    tokensPerPosition = mask.grid.count / outer.length
  }

  /// Key rows that the parts of one key-value head read.
  public var keyTokens: Int { keys.reduce(0) { $0 + $1.count } * tokensPerPosition }
}

extension AxisWindow {
  /// An axis of one position.
  fileprivate static let single = AxisWindow(
    length: 1, window: 1, stride: 1, dilation: 1, isCausal: false)
}

extension Attend {
  /// The mask, where this stage runs in the diagonal form.
  public var diagonalMask: NeighborhoodMask? {
    guard case .neighborhood(let mask) = rule, queryTiling == .diagonal, mask.slides,
      precision == .float32
    else { return nil }
    return mask
  }

  /// What the diagonal engine must count: every lane meets its own window, so pairs are the
  /// attended ones and there are no tiles.
  public func expectedDiagonalCounts(
    mask: NeighborhoodMask, shape: AttentionShape
  ) -> EngineCounts {
    let heads = shape.batch * shape.queryHeads
    let keyValueHeads = shape.batch * shape.keyValueHeads
    let parts = DiagonalParts(mask, keyValueHeads: keyValueHeads)
    var counts = EngineCounts()
    counts.pairsEvaluated = heads * mask.attendedPairs
    counts.exponentials = counts.pairsEvaluated
    counts.bytesRead =
      4 * heads * shape.queryLength * shape.headDim
      + 4 * keyValueHeads * parts.keyTokens * (shape.headDim + shape.valueDim)
    counts.bytesWritten = 4 * heads * shape.queryLength * shape.valueDim
    return counts
  }
}
