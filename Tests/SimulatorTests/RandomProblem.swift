// SPDX-License-Identifier: MIT

import AttentionCore
import Simulator

/// A small neighborhood with a query tile and a key tile, drawn at random.
struct RandomProblem: CustomStringConvertible {
  let mask: NeighborhoodMask
  let tiles: TilePair

  init(using random: inout SplitMix64, rank: Int, longest: Int, dilations: ClosedRange<Int> = 1...3)
  {
    func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    var axes: [AxisWindow] = []
    for _ in 0..<rank {
      let length = draw(1...longest)
      let dilation = draw(dilations.lowerBound...min(dilations.upperBound, length))
      let window = draw(1...length / dilation)
      axes.append(
        AxisWindow(
          length: length, window: window, stride: draw(1...window), dilation: dilation,
          isCausal: draw(0...3) == 0))
    }
    mask = NeighborhoodMask(axes: axes, extraKeys: draw(0...2) == 0 ? draw(1...9) : 0)
    // A tile may exceed its axis up to the next power of two.
    func tile() -> Extents {
      Extents(axes.map { axis in draw(1...Swift.max(1, axis.length)) })
    }
    tiles = TilePair(query: tile(), key: tile())
  }

  var description: String { "\(mask) \(tiles)" }

  static func many(
    _ count: Int, seed: UInt64, longest: [Int], dilations: ClosedRange<Int> = 1...3
  ) -> [RandomProblem] {
    var random = SplitMix64(seed: Seed(seed))
    return (0..<count).map { index in
      let rank = index % 3 + 1
      return RandomProblem(
        using: &random, rank: rank, longest: longest[rank - 1], dilations: dilations)
    }
  }
}
