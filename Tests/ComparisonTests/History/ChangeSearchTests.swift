// SPDX-License-Identifier: MIT

import Comparison
import ResultStore
import Statistics
import Testing

@Suite struct ChangeSearchTests {
  private static func run(_ night: Int) -> HistoryRun {
    let text =
      "2026-\(night / 28 + 1 < 10 ? "0" : "")\(night / 28 + 1)"
      + "-\(night % 28 + 1 < 10 ? "0" : "")\(night % 28 + 1)T02:00:00Z"
    return HistoryRun(key: "\(night)", name: "night-\(night)", suite: "card", startedAt: text)
  }

  private static func series(
    _ values: [Double], metric: HistoryMetric = .time, disturbed: Set<Int> = []
  ) -> HistorySeries {
    HistorySeries(
      key: SeriesKey(
        caseID: "flash@1", metric: metric, machine: "ab12", threads: 2,
        toolchain: Toolchain(compiler: "Swift 6.3", kernels: "avx512")),
      machine: MachineRecord(cpu: "a CPU", fingerprint: "ab12", slug: "zen4-2c", cores: 2),
      points: values.enumerated().map { night, value in
        HistoryPoint(
          run: run(night), commit: "c\(night)", value: value, samples: 10,
          disturbed: disturbed.contains(night) ? 5 : 0)
      })
  }

  /// Values around `level` with a deviation of half a per cent, the same in every run of the tests.
  private static func noise(_ level: Double, count: Int, seed: UInt64) -> [Double] {
    var generator = ResamplingGenerator(seed: seed)
    return (0..<count).map { _ in
      // The sum of four draws is near enough to normal.
      let sum = (0..<4).reduce(0.0) { sum, _ in sum + Double(generator.index(below: 1001)) / 1000 }
      return level * (1 + 0.005 * (sum - 2) * 1.7)
    }
  }

  private static func note(_ at: String, isExpected: Bool = true, cases: String? = nil)
    -> HistoryAnnotation
  {
    HistoryAnnotation(
      cases: cases, metric: nil, at: at, text: "new tiles", isExpected: isExpected,
      madeAt: "2026-06-01T00:00:00Z")
  }

  @Test func aFivePerCentSlowdownIsDatedToItsNight() throws {
    let values = Self.noise(100, count: 40, seed: 1) + Self.noise(105, count: 40, seed: 2)
    let changes = ChangeSearch().changes(in: Self.series(values))
    let change = try #require(changes.first)
    #expect(changes.count == 1)
    // A single night may stray to the other side.
    #expect(["night-39", "night-40", "night-41"].contains(change.first.run.name))
    #expect(change.effect == .worse)
    // Medians of 40 values with 0.5 % deviation are good to 0.1 %.
    #expect(abs((change.ratio ?? 0) - 1.05) < 0.004)
    #expect((change.pValue ?? 1) <= 0.01)
  }

  @Test func aQuietSeriesHasNoChange() {
    for seed in 1...10 {
      let values = Self.noise(100, count: 80, seed: UInt64(seed))
      #expect(ChangeSearch().changes(in: Self.series(values)).isEmpty)
    }
  }

  @Test func theSameSeriesHasTheSameChanges() {
    let values =
      Self.noise(100, count: 30, seed: 3) + Self.noise(93, count: 30, seed: 4)
      + Self.noise(97, count: 30, seed: 5)
    let first = ChangeSearch().changes(in: Self.series(values))
    #expect(first.count == 2)
    #expect(first.map(\.effect) == [.better, .worse])
    #expect(ChangeSearch().changes(in: Self.series(values)) == first)
  }

  @Test func onlyTheLastHundredNightsCount() {
    let values = Self.noise(50, count: 60, seed: 6) + Self.noise(100, count: 100, seed: 7)
    #expect(ChangeSearch().changes(in: Self.series(values)).isEmpty)
    #expect(ChangeSearch(nights: 160).changes(in: Self.series(values)).count == 1)
  }

  @Test func disturbedNightsAreLeftOut() {
    let spoilt = Set(30..<40)
    var values = Self.noise(100, count: 60, seed: 8)
    for night in spoilt { values[night] *= 1.5 }
    #expect(!ChangeSearch().changes(in: Self.series(values)).isEmpty)
    #expect(ChangeSearch().changes(in: Self.series(values, disturbed: spoilt)).isEmpty)
  }

  @Test func inExactMetricsEveryDifferenceIsAChange() {
    let changes = ChangeSearch().changes(
      in: Self.series([8, 8, 9, 9, 8], metric: .productOperations))
    #expect(changes.map(\.first.run.name) == ["night-2", "night-4"])
    #expect(changes.map(\.effect) == [.worse, .better])
    #expect(changes.map(\.pValue) == [nil, nil])
    let fromZero = ChangeSearch().changes(in: Self.series([0, 1], metric: .workspace))
    #expect(fromZero.map(\.ratio) == [nil])
  }

  @Test func moreIsBetterForASpeedUp() {
    let values = Self.noise(2, count: 20, seed: 9) + Self.noise(3, count: 20, seed: 10)
    let changes = ChangeSearch().changes(in: Self.series(values, metric: .speedUp))
    #expect(changes.map(\.effect) == [.better])
  }

  @Test func changesBelowTheSmallestAreLeftOut() {
    let values = Self.noise(100, count: 40, seed: 11) + Self.noise(105, count: 40, seed: 12)
    let series = Self.series(values)
    #expect(ChangeSearch(smallest: 0.10).changes(in: series).isEmpty)
    #expect(ChangeSearch(smallest: 0).changes(in: series).count == 1)
  }

  @Test func anAnnotationExplainsAChangeOfItsCasesAtItsNight() {
    let series = Self.series([8, 8, 8, 9, 9, 9], metric: .productOperations)
    func explanation(_ note: HistoryAnnotation) -> String? {
      ChangeSearch().changes(in: series, annotations: [note]).first?.explanation?.text
    }
    #expect(explanation(Self.note(Self.run(3).startedAt)) == "new tiles")
    #expect(explanation(Self.note(Self.run(4).startedAt)) == "new tiles")
    #expect(explanation(Self.note(Self.run(5).startedAt)) == nil)
    #expect(explanation(Self.note(Self.run(1).startedAt)) == nil)
    #expect(explanation(Self.note(Self.run(3).startedAt, isExpected: false)) == nil)
    #expect(explanation(Self.note(Self.run(3).startedAt, cases: "flash@")) == "new tiles")
    #expect(explanation(Self.note(Self.run(3).startedAt, cases: "moba")) == nil)
  }

  @Test(arguments: [[], [1.0], [1, 2], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]])
  func shortAndConstantSeriesHaveNoChange(values: [Double]) {
    #expect(ChangeSearch().changes(in: Self.series(values)).isEmpty)
  }
}
