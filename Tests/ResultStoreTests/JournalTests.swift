// SPDX-License-Identifier: MIT

import Foundation
import ResultStore
import Testing

@Suite struct JournalTests {
  private static func run(in root: String) throws -> RunFolder {
    try RunFolder(root: root, name: "night-1")
  }

  private static func write(_ text: String, to folder: RunFolder) throws {
    try text.write(toFile: folder.journalPath, atomically: true, encoding: .utf8)
  }

  private static func journal(_ folder: RunFolder) throws -> String {
    try String(contentsOfFile: folder.journalPath, encoding: .utf8)
  }

  /// A folder whose journal holds one record per id; the writer is released.
  private static func filled(_ root: String, _ ids: [String]) throws -> RunFolder {
    let folder = try run(in: root)
    let writer = try folder.openForWriting(Sample.header)
    for id in ids { try writer.append(Sample.record(id)) }
    return folder
  }

  @Test func eachRecordIsOneLineAndReadsBack() throws {
    try Sample.withRoot { root in
      let folder = try Self.filled(root, ["a", "b\nc", "d"])
      let text = try Self.journal(folder)
      #expect(text.hasSuffix("\n"))
      #expect(text.split(separator: "\n").count == 3)
      let contents = try folder.contents()
      #expect(
        contents.records == [
          try Sample.record("a"), try Sample.record("b\nc"), try Sample.record("d"),
        ])
      #expect(contents.problems.isEmpty)
      #expect(try folder.header() == Sample.header)
    }
  }

  @Test func aRecordIsOnDiskBeforeTheNextBegins() throws {
    try Sample.withRoot { root in
      let folder = try Self.run(in: root)
      let writer = try folder.openForWriting(Sample.header)
      for count in 1...3 {
        try writer.append(Sample.record("case \(count)"))
        #expect(try folder.contents().records.count == count)
      }
    }
  }

  @Test func everyCutOfTheLastLineLosesOnlyThatLine() throws {
    try Sample.withRoot { root in
      let folder = try Self.filled(root, ["a", "b"])
      let whole = Array(try Self.journal(folder).utf8)
      let firstLine = try #require(whole.firstIndex(of: UInt8(ascii: "\n"))) + 1
      for length in stride(from: firstLine + 1, to: whole.count - 1, by: 37) {
        let contents = JournalContents(parsing: Data(whole.prefix(length)))
        #expect(contents.finishedCaseIDs == ["a"])
        #expect(contents.problems == [.cutLine(number: 2, bytes: length - firstLine)])
      }
    }
  }

  @Test func aCutLineIsRemovedBeforeTheNextRecord() throws {
    try Sample.withRoot { root in
      let folder = try Self.filled(root, ["a", "b"])
      try Self.write(String(try Self.journal(folder).dropLast(100)), to: folder)
      let writer = try folder.openForWriting(Sample.header)
      #expect(writer.existing.finishedCaseIDs == ["a"])
      #expect(writer.existing.problems.count == 1)
      try writer.append(Sample.record("b"))
      let contents = try folder.contents()
      #expect(contents.records.map(\.caseID) == ["a", "b"])
      #expect(contents.problems.isEmpty)
    }
  }

  @Test func aWholeLastLineWithoutNewlineIsKept() throws {
    try Sample.withRoot { root in
      let folder = try Self.filled(root, ["a", "b"])
      try Self.write(String(try Self.journal(folder).dropLast()), to: folder)
      let writer = try folder.openForWriting(Sample.header)
      #expect(writer.existing.finishedCaseIDs == ["a", "b"])
      try writer.append(Sample.record("c"))
      #expect(try folder.contents().records.map(\.caseID) == ["a", "b", "c"])
    }
  }

  @Test(arguments: [
    ("{", "not valid JSON"), ("[1]", "not a JSON object"),
    ("{\"schema\":\"attnbench/2\"}", "attnbench/2"),
    ("{\"schema\":\"attnbench/1\"}", "'caseID' is missing"), ("\u{0}\u{1}", "not valid JSON"),
    (String(repeating: "[", count: 100_000), "not valid JSON"),
  ])
  func aMalformedLineIsReportedWithItsNumber(line: String, cause: String) throws {
    try Sample.withRoot { root in
      let folder = try Self.filled(root, ["a", "b"])
      let lines = try Self.journal(folder).split(separator: "\n").map(String.init)
      try Self.write(([lines[0], line, lines[1]]).joined(separator: "\n") + "\n", to: folder)
      let contents = try folder.contents()
      #expect(contents.records.map(\.caseID) == ["a", "b"])
      #expect(contents.problems.count == 1)
      guard case .malformedLine(2, let found) = contents.problems.first else {
        Issue.record("line 2 was not reported: \(contents.problems)")
        return
      }
      #expect(found.contains(cause))
      let before = try Self.journal(folder)
      _ = try folder.openForWriting(Sample.header)
      #expect(try Self.journal(folder) == before)
    }
  }

  @Test func aMissingFieldIsNamedByItsPlace() throws {
    let text = String(decoding: try JSONEncoder().encode(Sample.record("a")), as: UTF8.self)
    let damaged = text.replacingOccurrences(of: "\"roofline\"", with: "\"roofLine\"") + "\n"
    let contents = JournalContents(parsing: Data(damaged.utf8))
    #expect(
      contents.problems == [
        .malformedLine(number: 1, cause: "'bounds.machines[0].roofline' is missing")
      ])
  }

  @Test func theLastRecordOfACaseCountsAtThePlaceOfTheFirst() throws {
    try Sample.withRoot { root in
      let folder = try Self.filled(root, ["a", "b"])
      let writer = try folder.openForWriting(Sample.header)
      try writer.append(Sample.record("a", status: .failed(reason: "second try")))
      let contents = try folder.contents()
      #expect(contents.records.map(\.caseID) == ["a", "b"])
      #expect(contents.records[0].status == .failed(reason: "second try"))
      #expect(contents.replaced == 1)
    }
  }

  @Test func numbersThatAreNotFiniteSurvive() throws {
    try Sample.withRoot { root in
      let folder = try Self.run(in: root)
      var record = try Sample.record("a")
      record.bounds.flop = .value(.infinity)
      record.bounds.tile = .value(.nan)
      try folder.openForWriting(Sample.header).append(record)
      let read = try #require(try folder.contents().records.first)
      #expect(read.bounds.flop == .value(.infinity))
      #expect(read.bounds.tile.value?.isNaN == true)
    }
  }

  @Test func aFullDiskLeavesTheJournalWhole() async {
    // In a process of its own: the limit that plays the full disk holds for the whole process.
    await #expect(processExitsWith: .success) {
      try Sample.withRoot { root in
        let folder = try Self.filled(root, ["a"])
        let writer = try folder.openForWriting(Sample.header)
        let before = try Self.journal(folder)
        signal(SIGXFSZ, SIG_IGN)
        var limit = rlimit()
        let unlimited = getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0
        #expect(unlimited)
        let hard = limit.rlim_cur
        limit.rlim_cur = rlim_t(before.utf8.count + 100)
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        let error = #expect(throws: ResultStoreError.self) {
          try writer.append(Sample.record("b"))
        }
        #expect(error?.description.contains("only 100 of") == true)
        #expect(try Self.journal(folder) == before)
        limit.rlim_cur = hard
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        try writer.append(Sample.record("b"))
        #expect(try folder.contents().finishedCaseIDs == ["a", "b"])
      }
    }
  }

  @Test func manyThreadsAppendWholeLines() async throws {
    let root = FileManager.default.temporaryDirectory
      .appendingPathComponent("attnbench-store-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: root) }
    let folder = try Self.run(in: root)
    let writer = try folder.openForWriting(Sample.header)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<16 {
        group.addTask { try writer.append(Sample.record("case \(index)")) }
      }
      try await group.waitForAll()
    }
    #expect(try folder.contents().finishedCaseIDs.count == 16)
  }
}
