// SPDX-License-Identifier: MIT

import Comparison
import ResultStore
import Testing

@Suite struct RatioChainTests {
  private static func series(
    _ machine: String, _ values: [(night: Int, value: Double)], metric: HistoryMetric = .speedUp,
    threads: Int = 2, drowned: Set<Int> = []
  ) -> HistorySeries {
    HistorySeries(
      key: SeriesKey(
        caseID: "moba@1", metric: metric, machine: machine, threads: threads,
        toolchain: Toolchain(compiler: "Swift 6.3", kernels: "avx512")),
      machine: MachineRecord(cpu: machine, fingerprint: machine, slug: machine, cores: 2),
      points: values.map { night, value in
        HistoryPoint(
          run: HistoryRun(
            key: "\(night)", name: "night-\(night)", suite: "card",
            startedAt: "2026-01-0\(night)T02:00:00Z"),
          commit: "c", value: value, interval: interval(value, isWide: drowned.contains(night)),
          samples: 4, disturbed: 0)
      })
  }

  /// Ends that are exact in binary.
  private static func interval(_ value: Double, isWide: Bool = false) -> Interval {
    let half = isWide ? 0.25 : 0.015625
    return Interval(low: value * (1 - half), high: value * (1 + half))
  }

  @Test func aChangeOfMachineIsNoStep() throws {
    let chain = try #require(
      RatioChain.joining([
        Self.series("old", [(1, 2), (2, 4), (3, 4)]), Self.series("new", [(4, 16), (5, 8)]),
      ]).first)
    // Powers of two, so that every quotient is exact.
    #expect(chain.points.map(\.value) == [1, 2, 2, 2, 1])
    #expect(chain.points[3].interval == Self.interval(2))
    #expect(chain.key.metric.name == "speed-up-chain")
    #expect(chain.key.metric.better == .higher)
    #expect(chain.machine.slug == "2 machines")
  }

  @Test func machinesThatTakeTurnsKeepTheirOwnLevels() throws {
    let chain = try #require(
      RatioChain.joining([
        Self.series("a", [(1, 2), (3, 2), (5, 4)]), Self.series("b", [(2, 8), (4, 8), (6, 16)]),
      ]).first)
    #expect(chain.points.map(\.value) == [1, 1, 1, 1, 2, 2])
  }

  @Test func oneMachineKeepsItsName() {
    let chains = RatioChain.joining([Self.series("old", [(1, 2), (2, 4)])])
    #expect(chains.map(\.machine.slug) == ["old"])
  }

  @Test func onlyFitRatiosOfEqualThreadsAreJoined() {
    let chains = RatioChain.joining([
      Self.series("a", [(1, 2), (2, 99), (3, 4)], drowned: [2]),
      Self.series("a", [(1, 5)], threads: 1),
      Self.series("a", [(1, 1000)], metric: .time),
    ])
    #expect(chains.map { $0.points.map(\.value) } == [[1, 2], [1]])
  }
}
