// SPDX-License-Identifier: MIT

import Foundation
import ResultStore
import Testing

@Suite struct HistoryImportTests {
  @Test func nightsBecomeThePointsOfASeriesInOrderOfTime() throws {
    try SampleHistory.with { sample in
      for (night, time) in [(3, 4300.0), (1, 4100), (2, 4200)] {
        try sample.night(night, [SampleHistory.record("flash@1", time)])
      }
      try sample.importAll()
      let series = try #require(try sample.series().first)
      #expect(try sample.series().count == 1)
      #expect(series.points.map(\.value) == [4100, 4200, 4300])
      #expect(series.points.map(\.run.name) == ["night-01", "night-02", "night-03"])
      #expect(series.points[0].interval == Interval(low: 4099, high: 4120))
      #expect(series.points[0].samples == 3)
      #expect(series.machine.slug == "zen5-2c")
    }
  }

  @Test(arguments: ["machine", "threads", "compiler", "kernels", "cache"])
  func anythingThatChangesSpeedBeginsANewSeries(difference: String) throws {
    try SampleHistory.with { sample in
      try sample.night(1, [SampleHistory.record()])
      try sample.night(
        2,
        [
          SampleHistory.record { record in
            switch difference {
            case "machine": record.machine.fingerprint = "cd34"
            case "threads": record.execution.threads = 2
            case "compiler": record.build.compiler = "Swift 6.4"
            case "kernels": record.execution.kernelTable = "scalar"
            default: record.timing = record.timing.map { $0.cold }
            }
          }
        ])
      try sample.importAll()
      let series = try History(sample.place).series(
        SeriesFilter(metrics: [HistoryMetric.time.name, HistoryMetric.time.cold.name]))
      #expect(series.count == 2)
      #expect(series.allSatisfy { $0.points.count == 1 })
    }
  }

  @Test func anotherCommitStaysInTheSeries() throws {
    try SampleHistory.with { sample in
      try sample.night(1, [SampleHistory.record { $0.build.commit = "aaa" }])
      try sample.night(2, [SampleHistory.record { $0.build.commit = "bbb" }])
      try sample.importAll()
      #expect(try sample.series().map { $0.points.map(\.commit) } == [["aaa", "bbb"]])
    }
  }

  @Test func importingTwiceChangesNothing() throws {
    try SampleHistory.with { sample in
      try sample.night(1, [SampleHistory.record("a"), SampleHistory.record("b")])
      let first = try sample.importAll()
      let before = try sample.everything()
      let second = try sample.importAll()
      #expect(first.map(\.added) == [2])
      #expect(second.map(\.added) == [0])
      #expect(second.map(\.unchanged) == [2])
      #expect(try sample.everything() == before)
    }
  }

  @Test func aRunThatGoesOnIsTakenOverInParts() throws {
    try SampleHistory.with { sample in
      let run = try sample.night(1, [SampleHistory.record("a")])
      try sample.importAll()
      let writer = try run.openForWriting(SampleHistory.header(1))
      try writer.append(SampleHistory.record("b"))
      let imported = try sample.importAll()
      #expect(imported.map(\.added) == [1])
      #expect(try sample.series().map(\.key.caseID) == ["a", "b"])
    }
  }

  @Test func theLaterRecordOfACaseCounts() throws {
    try SampleHistory.with { sample in
      let run = try sample.night(1, [SampleHistory.record("a", 5000)])
      try sample.importAll()
      try run.openForWriting(SampleHistory.header(1)).append(SampleHistory.record("a", 4000))
      #expect(try sample.importAll().map(\.replaced) == [1])
      #expect(try sample.series().map { $0.points.map(\.value) } == [[4000]])
    }
  }

  @Test func theOrderOfImportsDoesNotMatter() throws {
    try SampleHistory.with { sample in
      let folders = try (1...4).map { night in
        try sample.night(
          night, [SampleHistory.record("a", 4000 + Double(night)), SampleHistory.record("b")])
      }
      // A copy under another name is the same run.
      try FileManager.default.copyItem(
        atPath: folders[1].path, toPath: "\(sample.root)/runs/another-name")
      let all = folders + [RunFolder(existing: "\(sample.root)/runs/another-name")]
      try sample.importAll(all)
      let expected = try sample.everything()
      #expect(try sample.series().first?.points.count == 4)
      for order in [all.reversed(), Array(all[2...]) + all[..<2]] {
        try FileManager.default.removeItem(atPath: sample.place.database)
        try sample.importAll(order)
        #expect(try sample.everything() == expected)
      }
    }
  }

  @Test func aCaseThatFailedHasAnOutcomeAndNoTime() throws {
    try SampleHistory.with { sample in
      try sample.night(
        1, [Sample.record("a", status: .failed(reason: "wrong")), SampleHistory.record("b")])
      try sample.importAll()
      let outcomes = try History(sample.place).outcomes()
      #expect(outcomes.map(\.state) == ["failed", "measured"])
      #expect(outcomes[0].reason == "wrong")
      #expect(try sample.series().map(\.key.caseID) == ["b"])
      #expect(try sample.series(.oracleError).map(\.key.caseID) == ["a", "b"])
    }
  }

  @Test func absentAndUnboundedNumbersAreNoPoints() throws {
    try SampleHistory.with { sample in
      try sample.night(
        1,
        [
          SampleHistory.record("a") { record in
            record.timing = record.timing.map { timing in
              var timing = timing
              timing.floorShare = .value(.infinity)
              timing.shareOfPeak = .value(.nan)
              return timing
            }
          }
        ])
      try sample.importAll()
      #expect(try sample.series(.floorShare).isEmpty)
      #expect(try sample.series(.shareOfPeak).isEmpty)
      let counter = HistoryMetric(name: "counter/papi/instructions", unit: "1")
      #expect(try sample.series(counter).isEmpty)
    }
  }

  @Test func anyDoubleIsKeptToTheLastBit() throws {
    try SampleHistory.with { sample in
      let odd = 4100.000_000_000_000_9
      try sample.night(1, [SampleHistory.record("a", odd)])
      try sample.importAll()
      #expect(try sample.series().first?.points.first?.value == odd)
    }
  }

  @Test func nightsWithWideIntervalsAreUnfit() throws {
    try SampleHistory.with { sample in
      try sample.night(
        1,
        [
          SampleHistory.record("a") { record in
            record.timing = record.timing.map { timing in
              var timing = timing
              timing.alternatives[0].intervalNanoseconds = Interval(low: 3900, high: 4300)
              return timing
            }
          }
        ])
      try sample.importAll()
      let point = try #require(try sample.series().first?.points.first)
      #expect(!point.isFit)
      #expect(point.flaw == "interval 9.8 % wide")
    }
  }

  @Test func runsBelowManyFoldersAreFound() throws {
    try SampleHistory.with { sample in
      try sample.night(1, [SampleHistory.record()], below: "reference/card")
      try sample.night(2, [SampleHistory.record()], below: "runs")
      let found = RunDiscovery.folders(below: sample.root)
      #expect(found.map(\.name) == ["night-01", "night-02"])
      #expect(RunDiscovery.folders(below: "\(sample.root)/nothing").isEmpty)
      #expect(sample.place.usualRoots.count == 2)
    }
  }
}

extension TimingRecord {
  /// This timing as if caches had been emptied.
  fileprivate var cold: TimingRecord {
    var copy = self
    copy.cache = "cold"
    return copy
  }
}
