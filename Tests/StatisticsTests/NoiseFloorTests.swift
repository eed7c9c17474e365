// SPDX-License-Identifier: MIT

import Statistics
import Testing

struct NoiseFloorTests {
  private func comparison(_ groups: [[Double]]) throws -> ResampledEstimate {
    HierarchicalBootstrap().estimate(of: try NestedSample(groups), loneDeviation: 0)
  }

  @Test func errorsAreDistancesFromOne() throws {
    let floor = try NoiseFloor(of: [
      comparison([[0.01], [0.01]]), comparison([[-0.03], [-0.03]]), comparison([[0], [0]]),
    ])
    #expect(floor.count == 3)
    // exp(0.01) - 1 and exp(0.03) - 1; the groups agree, so no interval has a width.
    #expect(abs(floor.meanError - (0.010_050_167 + 0.030_454_534) / 3) < 1e-8)
    #expect(abs(floor.worstError - 0.030_454_534) < 1e-8)
    #expect(floor.widestInterval == 0)
    #expect(floor.missesOfOne == 2)
    // Root mean square 0.018257, t(3) one-sided 95 % = 2.353363; exp of the product, minus 1.
    #expect(abs(floor.smallestChange - 0.043902758) < 1e-8)
  }

  @Test func widthAndChangeGrowWithTheSpread() throws {
    let narrow = try NoiseFloor(of: [comparison([[0.001], [-0.001], [0.0005], [-0.0005]])])
    let wide = try NoiseFloor(of: [comparison([[0.01], [-0.01], [0.005], [-0.005]])])
    #expect(wide.widestInterval > 9 * narrow.widestInterval)
    #expect(wide.smallestChange > 9 * narrow.smallestChange)
    #expect(narrow.missesOfOne == 0)
    #expect(throws: StatisticsError.emptySample) { try NoiseFloor(of: []) }
  }
}
