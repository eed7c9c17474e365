// SPDX-License-Identifier: MIT

import Foundation
import GRDB
import ResultStore
import Testing

@Suite struct HistoryRebuildTests {
  private static func filled(_ sample: SampleHistory) throws {
    for night in 1...3 {
      try sample.night(
        night, [SampleHistory.record("a", 4000 + Double(night)), SampleHistory.record("b")])
    }
    try sample.importAll()
  }

  @Test func deletingTheDatabaseLosesNothing() throws {
    try SampleHistory.with { sample in
      try Self.filled(sample)
      // Outside of the usual places: only the list of sources knows it.
      let stray = try sample.night(4, [SampleHistory.record("c")], below: "elsewhere")
      try sample.importAll([stray])
      let before = try sample.everything()
      try FileManager.default.removeItem(atPath: sample.place.database)
      let outcome = try HistoryRebuild(place: sample.place).run()
      #expect(outcome.runs.count == 4)
      #expect(outcome.failures.isEmpty)
      #expect(try sample.everything() == before)
    }
  }

  @Test func withoutAListOfSourcesTheUsualPlacesAreSearched() throws {
    try SampleHistory.with { sample in
      try Self.filled(sample)
      let before = try sample.everything()
      for file in [sample.place.database, sample.place.sources] {
        try FileManager.default.removeItem(atPath: file)
      }
      _ = try HistoryRebuild(place: sample.place).run()
      #expect(try sample.everything() == before)
    }
  }

  @Test func recordsWithoutAJournalAreNotDroppedUnasked() throws {
    try SampleHistory.with { sample in
      try Self.filled(sample)
      let before = try sample.everything()
      try FileManager.default.removeItem(atPath: "\(sample.root)/runs/night-02")
      #expect(
        throws: ResultStoreError.wouldLose(
          file: sample.place.database, runs: ["night-02"], records: 2)
      ) {
        try HistoryRebuild(place: sample.place).run()
      }
      #expect(try sample.everything() == before)
      let outcome = try HistoryRebuild(place: sample.place, discardsMissing: true).run()
      #expect(outcome.discarded.count == 2)
      #expect(outcome.failures.count == 1)
      #expect(try sample.series().first?.points.count == 2)
    }
  }

  @Test func journalsThatMovedAreFoundByTheirNewPlace() throws {
    try SampleHistory.with { sample in
      try Self.filled(sample)
      let before = try sample.everything()
      try FileManager.default.moveItem(
        atPath: "\(sample.root)/runs", toPath: "\(sample.root)/archive")
      _ = try HistoryRebuild(place: sample.place, roots: ["\(sample.root)/archive"]).run()
      #expect(try sample.everything() == before)
    }
  }

  @Test func annotationsSurvive() throws {
    try SampleHistory.with { sample in
      try Self.filled(sample)
      let note = HistoryAnnotation(
        cases: "a", metric: nil, at: SampleHistory.day(2), text: "new tiles", isExpected: true,
        madeAt: SampleHistory.day(3))
      try HistoryAnnotations.add(note, to: sample.place)
      try FileManager.default.removeItem(atPath: sample.place.database)
      _ = try HistoryRebuild(place: sample.place).run()
      #expect(HistoryAnnotations(sample.place).current == [note])
    }
  }

  @Test func aDamagedDatabaseIsMadeAnew() throws {
    try SampleHistory.with { sample in
      try Self.filled(sample)
      let before = try sample.everything()
      var bytes = try Data(contentsOf: URL(fileURLWithPath: sample.place.database))
      // All but the first page, so that the file is still known as a history.
      for index in 4096..<bytes.count { bytes[index] = 0x5A }
      try bytes.write(to: URL(fileURLWithPath: sample.place.database))
      let error = #expect(throws: ResultStoreError.self) { try sample.everything() }
      #expect(error?.description.contains("history rebuild") == true)
      // What a killed SQLite leaves must not be played back into the new file.
      try Data(repeating: 1, count: 600).write(
        to: URL(fileURLWithPath: sample.place.database + "-journal"))
      _ = try HistoryRebuild(place: sample.place).run()
      #expect(try sample.everything() == before)
    }
  }

  @Test func anUnfinishedRebuildLeavesNoTrace() throws {
    try SampleHistory.with { sample in
      try Self.filled(sample)
      try "rubbish".write(
        toFile: sample.place.database + ".unfinished", atomically: true, encoding: .utf8)
      _ = try HistoryRebuild(place: sample.place).run()
      let files = try FileManager.default.contentsOfDirectory(atPath: sample.root)
      #expect(
        files.sorted() == [
          "history.sources.jsonl", "history.sqlite", "history.sqlite.lock", "runs",
        ])
    }
  }
}
