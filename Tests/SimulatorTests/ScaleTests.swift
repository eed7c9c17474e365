// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import Simulator
import Testing

/// How long exact counts of the largest published problems may take, in time of one thread's CPU.
@Suite struct ScaleTests {
  @Test(arguments: [
    (grid: [30, 48, 80], window: [18, 24, 24], query: [4, 8, 8], key: [2, 8, 8]),
    (grid: [256, 256], window: [80, 80], query: [16, 16], key: [16, 8]),
  ])
  func exactCountsTakeMicroseconds(grid: [Int], window: [Int], query: [Int], key: [Int]) throws {
    let tiles = TilePair(query: Extents(query), key: Extents(key))
    for stride in [1, 3] {
      let mask = Self.mask(grid, window, [Int](repeating: stride, count: grid.count))
      let best = try (0..<50).map { _ in
        try Self.cpuSeconds {
          _ = try TileCounter.figures(mask: mask, tiles: tiles, tiling: .static)
        }
      }.min()
      #expect(try #require(best) < 200e-6)
    }
  }

  @Test func everyStrideOfTheVideoIsCountedInSeconds() throws {
    let tiles = TilePair(query: [4, 8, 8], key: [2, 8, 8])
    var strides = 0
    var best = 0.0
    let seconds = try Self.cpuSeconds {
      for first in 1...18 {
        for second in 1...24 {
          for third in 1...24 {
            let mask = Self.mask([30, 48, 80], [18, 24, 24], [first, second, third])
            let figures = try TileCounter.figures(mask: mask, tiles: tiles, tiling: .static)
            best = max(best, figures.worstTileBound)
            strides += 1
          }
        }
      }
    }
    #expect(strides == 10_368)
    #expect(best == 100.0 / 9)
    #expect(seconds < 10)
  }

  private static func mask(_ grid: [Int], _ window: [Int], _ stride: [Int]) -> NeighborhoodMask {
    NeighborhoodMask(
      axes: grid.indices.map {
        AxisWindow(
          length: grid[$0], window: window[$0], stride: stride[$0], dilation: 1, isCausal: false)
      })
  }

  /// Time of this thread's CPU, which other processes do not lengthen.
  private static func cpuSeconds(_ body: () throws -> Void) rethrows -> Double {
    func now() -> Double {
      var time = timespec()
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
      return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
    let start = now()
    try body()
    return now() - start
  }
}
