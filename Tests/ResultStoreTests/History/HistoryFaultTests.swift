// SPDX-License-Identifier: MIT

import Dispatch
import Foundation
import GRDB
import ResultStore
import Synchronization
import Testing

@Suite struct HistoryFaultTests {
  @Test func aHistoryOfANewerVersionIsRefusedAndLeftAlone() throws {
    try SampleHistory.with { sample in
      let run = try sample.night(1, [SampleHistory.record()])
      try sample.importAll()
      try DatabaseQueue(path: sample.place.database).write { db in
        try db.execute(
          sql: "INSERT INTO grdb_migrations (identifier) VALUES ('9 energy per night')")
      }
      let file = URL(fileURLWithPath: sample.place.database)
      let before = try Data(contentsOf: file)
      let expected = ResultStoreError.newerHistory(
        file: sample.place.database, steps: ["9 energy per night"])
      #expect(throws: expected) { try History(sample.place) }
      #expect(throws: expected) { try sample.importAll([run]) }
      #expect(throws: expected) { try HistoryRebuild(place: sample.place).run() }
      #expect(try Data(contentsOf: file) == before)
      #expect(expected.description.contains("newer version"))
      #expect(expected.description.contains("--database"))
    }
  }

  @Test func aFileThatIsNoHistoryIsRefusedAndLeftAlone() throws {
    try SampleHistory.with { sample in
      let run = try sample.night(1, [SampleHistory.record()])
      try String(repeating: "a shopping list\n", count: 99).write(
        toFile: sample.place.database, atomically: true, encoding: .utf8)
      let file = URL(fileURLWithPath: sample.place.database)
      let before = try Data(contentsOf: file)
      for attempt in [
        { _ = try History(sample.place) }, { _ = try sample.importAll([run]) },
        { _ = try HistoryRebuild(place: sample.place).run() },
      ] {
        #expect {
          try attempt()
        } throws: { error in
          guard case ResultStoreError.notAHistory = error else { return false }
          return true
        }
      }
      #expect(try Data(contentsOf: file) == before)
    }
  }

  @Test func theDatabaseOfAnotherProgramIsRefusedAndLeftAlone() throws {
    try SampleHistory.with { sample in
      let run = try sample.night(1, [SampleHistory.record()])
      try DatabaseQueue(path: sample.place.database).write { db in
        try db.execute(sql: "CREATE TABLE recipe (name TEXT)")
      }
      let expected = ResultStoreError.notAHistory(
        file: sample.place.database, cause: "it is the database of another program")
      #expect(throws: expected) { try sample.importAll([run]) }
      #expect(throws: expected) { try HistoryRebuild(place: sample.place).run() }
    }
  }

  @Test func whoIsKilledBeforeTheFirstMigrationLeavesAnEmptyHistory() throws {
    try SampleHistory.with { sample in
      let run = try sample.night(1, [SampleHistory.record()])
      try DatabaseQueue(path: sample.place.database).write { db in
        try db.execute(
          sql: "CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY)")
      }
      try sample.importAll([run])
      _ = try History(sample.place)
    }
  }

  @Test func aMissingHistorySaysHowToMakeOne() {
    let error = #expect(throws: ResultStoreError.self) {
      try History(HistoryPlace("no/such.sqlite"))
    }
    #expect(error?.description.contains("history import") == true)
  }

  @Test func manyImportsAtOnceLoseAndRepeatNothing() throws {
    try SampleHistory.with { sample in
      for night in 1...6 {
        try sample.night(night, [SampleHistory.record("a"), SampleHistory.record("b")])
      }
      let failures = Mutex<[String]>([])
      DispatchQueue.concurrentPerform(iterations: 6) { _ in
        do {
          try sample.importAll()
        } catch {
          failures.withLock { $0.append("\(error)") }
        }
      }
      #expect(failures.withLock { $0 } == [])
      #expect(try sample.series().map(\.points.count) == [6, 6])
      #expect(try History(sample.place).outcomes().count == 12)
    }
  }

  @Test func aSecondWriterIsToldWhoTheFirstIs() throws {
    try SampleHistory.with { sample in
      let writer = try HistoryImporter(sample.place)
      #expect(
        throws: ResultStoreError.historyInUse(
          file: sample.place.database, process: String(getpid()))
      ) {
        try HistoryImporter(sample.place, patience: 0.05)
      }
      withExtendedLifetime(writer) {}
    }
  }

  @Test func aFullDiskLeavesTheHistoryAsItWas() async {
    // In a process of its own: the limit that plays the full disk holds for the whole process.
    await #expect(processExitsWith: .success) {
      try SampleHistory.with { sample in
        try sample.night(1, [SampleHistory.record("a")])
        try sample.importAll()
        let before = try sample.everything()
        let many = try (0..<200).map { try SampleHistory.record("case \($0)") }
        try sample.night(2, many)
        signal(SIGXFSZ, SIG_IGN)
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
        let isKnown = getrlimit(resource, &limit) == 0
        #expect(isKnown)
        let unlimited = limit.rlim_cur
        // Above what the list of sources needs, below what 200 records need.
        limit.rlim_cur = 200_000
        setrlimit(resource, &limit)
        let error = #expect(throws: ResultStoreError.self) { try sample.importAll() }
        #expect(error?.description.contains("journals are untouched") == true, "\(error as Any)")
        limit.rlim_cur = unlimited
        setrlimit(resource, &limit)
        #expect(try sample.everything() == before)
        try sample.importAll()
        #expect(try sample.series().count == 201)
      }
    }
  }

  @Test func aJournalThatLostItsEndCostsOnlyItsLastRecord() throws {
    try SampleHistory.with { sample in
      let run = try sample.night(1, [SampleHistory.record("a"), SampleHistory.record("b")])
      let text = try String(contentsOfFile: run.journalPath, encoding: .utf8)
      try String(text.dropLast(40)).write(
        toFile: run.journalPath, atomically: true, encoding: .utf8)
      let imported = try sample.importAll()
      #expect(imported.map(\.added) == [1])
      #expect(imported[0].notes.count == 1)
      #expect(imported[0].notes[0].contains("line 2 of the journal was cut off"))
    }
  }

  @Test func recordsThatAJournalLostAreKeptAndNoted() throws {
    try SampleHistory.with { sample in
      let run = try sample.night(1, [SampleHistory.record("a"), SampleHistory.record("b")])
      try sample.importAll()
      let text = try String(contentsOfFile: run.journalPath, encoding: .utf8)
      try text.split(separator: "\n").prefix(1).joined().appending("\n").write(
        toFile: run.journalPath, atomically: true, encoding: .utf8)
      #expect(try sample.importAll().map(\.missing) == [1])
      #expect(try sample.series().count == 2)
    }
  }

  @Test(arguments: [
    ("unknown", "no UTC time"), ("1970-01-01T00:00:09Z", "as if the clock had not been set"),
    ("2999-01-01T00:00:00Z", "not come yet"),
  ])
  func aStartThatCannotBeRightIsNoted(start: String, expected: String) throws {
    try SampleHistory.with { sample in
      let folder = try RunFolder(root: "\(sample.root)/runs", name: "odd")
      var header = Sample.header
      header.startedAt = start
      try folder.openForWriting(header).append(SampleHistory.record())
      try sample.night(1, [SampleHistory.record()])
      let notes = try sample.importAll().flatMap(\.notes)
      #expect(notes.count == 1)
      #expect(notes[0].contains(expected))
      // The point is kept all the same.
      #expect(try sample.series().map(\.points.count) == [2])
    }
  }

  @Test func aClockThatIsSetBackMovesNoPoint() throws {
    try SampleHistory.with { sample in
      try sample.night(1, [SampleHistory.record("a") { $0.execution.startedAt = "unknown" }])
      try sample.night(
        2,
        [
          SampleHistory.record("b") { $0.execution.startedAt = "2026-01-02T02:10:00Z" },
          SampleHistory.record("a") { $0.execution.startedAt = "2025-12-31T02:10:00Z" },
        ])
      let imported = try sample.importAll()
      #expect(imported[0].notes.isEmpty)
      #expect(imported[1].notes.count == 1)
      #expect(imported[1].notes[0].contains("set back by 172800 s"))
      #expect(try sample.series().first?.points.map(\.run.name) == ["night-01", "night-02"])
    }
  }

  @Test func aCutAnnotationCostsOnlyItself() throws {
    try SampleHistory.with { sample in
      let notes = (1...2).map { number in
        HistoryAnnotation(
          cases: nil, metric: nil, at: SampleHistory.day(number), text: "note \(number)",
          isExpected: true, madeAt: SampleHistory.day(5))
      }
      try HistoryAnnotations.add(notes[0], to: sample.place)
      let handle = try #require(FileHandle(forWritingAtPath: sample.place.annotations))
      handle.seekToEndOfFile()
      handle.write(Data("{\"schema\":\"attnbench/1\",\"annot".utf8))
      try handle.close()
      #expect(HistoryAnnotations(sample.place).problems.count == 1)
      try HistoryAnnotations.add(notes[1], to: sample.place)
      #expect(HistoryAnnotations(sample.place).current == notes)
      #expect(HistoryAnnotations(sample.place).problems.isEmpty)
      try HistoryAnnotations.retract(notes[0].id, from: sample.place)
      #expect(HistoryAnnotations(sample.place).current == [notes[1]])
      #expect(throws: ResultStoreError.unknownAnnotation(id: "x", known: [notes[1].id])) {
        try HistoryAnnotations.retract("x", from: sample.place)
      }
    }
  }
}
