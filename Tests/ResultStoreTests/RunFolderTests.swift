// SPDX-License-Identifier: MIT

import Foundation
import ResultStore
import Testing

@Suite struct RunFolderTests {
  @Test(arguments: [
    "", ".", "..", "../x", "a/b", "-x", ".hidden", "a b", "a\u{0}b", "ü",
    String(repeating: "x", count: 101),
  ])
  func aNameThatCouldLeaveTheFolderIsRefused(name: String) {
    #expect {
      try RunFolder(root: "Results/runs", name: name)
    } throws: { error in
      guard case ResultStoreError.badRunName(name, _) = error else { return false }
      return true
    }
  }

  @Test func aRunLiesUnderItsRoot() throws {
    let folder = try RunFolder(root: "Results/runs", name: "card-2025.01_a")
    #expect(folder.journalPath == "Results/runs/card-2025.01_a/journal.jsonl")
    #expect(RunFolder(existing: "Results/reference/card/zen5/").name == "zen5")
  }

  @Test func aSecondWriterIsRefusedUntilTheFirstIsReleased() throws {
    try Sample.withRoot { root in
      let folder = try RunFolder(root: root, name: "run")
      do {
        let writer = try folder.openForWriting(Sample.header)
        let error = #expect(throws: ResultStoreError.self) {
          try folder.openForWriting(Sample.header)
        }
        #expect(error == .inUse(run: "run", process: String(getpid())))
        try writer.append(Sample.record("a"))
      }
      let writer = try folder.openForWriting(Sample.header)
      #expect(writer.existing.finishedCaseIDs == ["a"])
    }
  }

  @Test func aLockFileThatAKilledRunLeftIsNoObstacle() throws {
    try Sample.withRoot { root in
      let folder = try RunFolder(root: root, name: "run")
      try FileManager.default.createDirectory(
        atPath: folder.path, withIntermediateDirectories: true)
      try "999999\n".write(
        toFile: "\(folder.path)/run.lock", atomically: true, encoding: .utf8)
      let writer = try folder.openForWriting(Sample.header)
      try writer.append(Sample.record("a"))
    }
  }

  @Test func aFolderOfAnotherSuiteSeedOrVersionIsRefused() throws {
    try Sample.withRoot { root in
      let folder = try RunFolder(root: root, name: "run")
      _ = try folder.openForWriting(Sample.header)
      var other = Sample.header
      other.suite = "card"
      #expect(throws: ResultStoreError.otherSuite(run: "run", suite: "smoke", requested: "card")) {
        try folder.openForWriting(other)
      }
      var changed = Sample.header
      changed.suiteFingerprint = "0"
      #expect(throws: ResultStoreError.changedSuite(run: "run", suite: "smoke")) {
        try folder.openForWriting(changed)
      }
      var reseeded = Sample.header
      reseeded.seed = 8
      #expect(throws: ResultStoreError.otherSeed(run: "run", seed: 7, requested: 8)) {
        try folder.openForWriting(reseeded)
      }
      var later = Sample.header
      later.startedAt = "2026-01-01T00:00:00Z"
      later.options = [:]
      _ = try folder.openForWriting(later)
      #expect(try folder.header() == Sample.header)
    }
  }

  @Test func aJournalWithoutItsHeaderIsRefused() throws {
    try Sample.withRoot { root in
      let folder = try RunFolder(root: root, name: "run")
      try folder.write("", to: RunFolder.journalName)
      #expect(throws: ResultStoreError.missingHeader(run: "run")) {
        try folder.openForWriting(Sample.header)
      }
    }
  }

  @Test(arguments: [
    ("", "not valid JSON"), ("{\"schema\":\"attnbench/9\"}", "attnbench/9"),
    ("{\"schema\":\"attnbench/1\",\"seed\":-1}", "suite"),
  ])
  func aDamagedHeaderIsAClearError(text: String, cause: String) throws {
    try Sample.withRoot { root in
      let folder = try RunFolder(root: root, name: "run")
      try folder.write(text, to: RunFolder.headerName)
      #expect {
        try folder.openForWriting(Sample.header)
      } throws: { error in
        guard case ResultStoreError.malformedHeader(_, let found) = error else { return false }
        return found.contains(cause)
      }
    }
  }

  @Test func aFolderWithoutAJournalHasNoRecords() throws {
    try Sample.withRoot { root in
      let folder = try RunFolder(root: root, name: "none")
      #expect(try folder.contents().records.isEmpty)
      #expect(!folder.hasJournal)
      #expect(throws: ResultStoreError.self) { try folder.header() }
    }
  }

  @Test func aJournalThatIsNoPlainFileIsRefused() throws {
    try Sample.withRoot { root in
      let folder = try RunFolder(root: root, name: "run")
      try FileManager.default.createDirectory(
        atPath: folder.journalPath, withIntermediateDirectories: true)
      #expect {
        try folder.contents()
      } throws: { error in
        "\(error)".contains("it is not a plain file")
      }
    }
  }

  @Test func aRootThatCannotBeWrittenIsAClearError() throws {
    try Sample.withRoot { root in
      try "a file".write(toFile: "\(root)/file", atomically: true, encoding: .utf8)
      let folder = try RunFolder(root: "\(root)/file", name: "run")
      #expect {
        try folder.openForWriting(Sample.header)
      } throws: { error in
        guard case ResultStoreError.unwritable = error else { return false }
        return true
      }
    }
  }
}
