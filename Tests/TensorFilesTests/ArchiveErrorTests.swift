// SPDX-License-Identifier: MIT

import TensorFiles
import Testing

/// Malformed `.npz` files, one for each rule.
struct ArchiveErrorTests {
  private static let array = npy(header("|i1", "(2,)"), [1, 2])
  private let entry = ZipBytes.Entry("q.npy", array)

  private func error(
    _ bytes: [UInt8], _ name: String = "q", _ options: TensorReadOptions = TensorReadOptions()
  ) -> TensorFileError? {
    failure { () throws(TensorFileError) in
      try NumpyArchive(bytes: bytes, file: "a.npz", options: options).tensor(name)
    }
  }

  private func error(_ change: (inout ZipBytes.Entry) -> Void) -> TensorFileError? {
    var entry = entry
    change(&entry)
    return error(ZipBytes(entries: [entry]).bytes)
  }

  private func problem(_ bytes: [UInt8]) -> ArchiveProblem? {
    guard case .malformedArchive(_, _, let problem)? = error(bytes) else { return nil }
    return problem
  }

  @Test func handMadeArchivesAreReadWithAndWithoutZip64() throws {
    var wide = entry
    wide.isWide = true
    for isWide in [false, true] {
      for entries in [[entry], [wide], [wide, ZipBytes.Entry("k.npy", Self.array)]] {
        var archive = ZipBytes(entries: entries)
        archive.isWide = isWide
        archive.comment = Array("PK\u{5}\u{6} in a comment is no end record".utf8)
        let tensor = try NumpyArchive(bytes: archive.bytes, file: "a.npz").tensor("q")
        #expect(try tensor.integers() == [1, 2])
      }
    }
  }

  @Test func otherFilesOfTheArchiveArePassedOver() throws {
    let archive = ZipBytes(entries: [ZipBytes.Entry("README", [1]), entry])
    #expect(try NumpyArchive(bytes: archive.bytes, file: "a.npz").names == ["q"])
  }

  @Test func missingArraysAreNamedWithTheNearest() {
    let archive = ZipBytes(
      entries: ["query", "key", "value"].map { ZipBytes.Entry($0 + ".npy", Self.array) })
    #expect(
      error(archive.bytes, "qeury")?.description == "a.npz: has no array 'qeury' "
        + "(did you mean 'query'?); it holds query, key, value")
    #expect(
      error(archive.bytes, "output")?.description
        == "a.npz: has no array 'output'; it holds query, key, value")
  }

  @Test func duplicateNamesAreRefused() {
    #expect(
      error(ZipBytes(entries: [entry, entry]).bytes) == .duplicateArray(file: "a.npz", name: "q"))
  }

  @Test func changedBytesAreFound() {
    #expect(
      error { $0.checksum ^= 1 }
        == .checksumMismatch(
          file: "a.npz:q", declared: ZipBytes.checksum(Self.array) ^ 1,
          computed: ZipBytes.checksum(Self.array)))
  }

  @Test func entriesThatCannotBeReadAreRefused() {
    #expect(error { $0.method = 14 } == .unsupportedCompression(file: "a.npz:q", method: 14))
    #expect(error { $0.flags = 1 } == .encryptedEntry(file: "a.npz:q"))
    #expect(
      error { $0.localName = "k.npy" }.map(\.description) == "a.npz: damaged archive at byte 35: "
        + "entry 'q.npy' has another name in its local header than in the directory; "
        + "write it again")
    guard case .corruptCompression("a.npz:q", _)? = error({ $0.bytes = 5 }) else {
      Issue.record("a stored entry of another size was accepted")
      return
    }
  }

  @Test func brokenStructureIsNamed() {
    let whole = ZipBytes(entries: [entry]).bytes
    #expect(problem(Array(whole.dropLast())) == .noEndRecord)
    #expect(problem(Array(whole.prefix(10))) == .noEndRecord)
    #expect(problem(whole + [0]) == .noEndRecord)
    var archive = ZipBytes(entries: [entry])
    archive.declaredCount = 2
    #expect(problem(archive.bytes) == .wrongEntryCount(declared: 2, found: 1))
    archive.declaredCount = nil
    archive.disk = 1
    #expect(problem(archive.bytes) == .splitArchive)
    var second = ZipBytes(entries: [ZipBytes.Entry("k.npy", []), entry]).bytes
    // The local header of the first entry has 30 bytes and its name.
    second[35] = 0
    #expect(problem(second) == .badSignature(record: "local header of 'q.npy'"))
    var moved = entry
    moved.offset = 1 << 20
    #expect(
      problem(ZipBytes(entries: [moved]).bytes)
        == .overlappingEntries("q.npy", "the central directory"))
  }

  @Test func entriesThatShareBytesAreRefused() {
    var second = ZipBytes.Entry("k.npy", Self.array)
    second.offset = 0
    #expect(
      problem(ZipBytes(entries: [entry, second]).bytes)
        == .overlappingEntries("k.npy", "q.npy"))
    // The first entry reaches into the second.
    var moved = entry
    moved.offset = 3
    #expect(
      problem(ZipBytes(entries: [moved, ZipBytes.Entry("k.npy", Self.array)]).bytes)
        == .overlappingEntries("q.npy", "k.npy"))
  }

  @Test func declaredSizesAreNotTrusted() {
    // More than deflate can pack: refused before memory is taken.
    #expect(
      error {
        $0.method = 8
        $0.data = [3, 0]
        $0.isWide = true
        $0.bytes = 1 << 33
      } == .implausibleCompression(file: "a.npz:q", storedBytes: 2, declaredBytes: 1 << 33))
    #expect(
      error {
        $0.method = 8
        $0.isWide = true
        $0.bytes = 1 << 60
      } == .exceedsLimit(file: "a.npz:q", bytes: 1 << 60, limit: 1 << 34))
    let limit = TensorReadOptions(maximumBytes: 10)
    #expect(
      error(ZipBytes(entries: [entry]).bytes, "q", limit)
        == .exceedsLimit(file: "a.npz:q", bytes: Self.array.count, limit: 10))
  }

  @Test func corruptDeflateDataAreRefused() throws {
    func reason(_ change: (inout ZipBytes.Entry) -> Void) -> String? {
      let found = error {
        // A stored block of deflate: final, length, its complement, the bytes.
        let count = Self.array.count
        $0.data = [1] + little(count, 2) + little(~count, 2) + Self.array
        $0.method = 8
        $0.bytes = count
        change(&$0)
      }
      guard case .corruptCompression("a.npz:q", let reason)? = found else {
        return found.map(\.description)
      }
      return reason
    }
    #expect(reason { _ in } == nil)
    #expect(reason { $0.data[0] = 7 } == "invalid block type")
    #expect(reason { $0.data.removeLast() } == "the compressed data are cut short")
    #expect(reason { $0.data.append(0) } == "unused bytes follow the compressed data")
    #expect(
      reason { $0.bytes = Self.array.count - 1 }
        == "a.npz:q: is cut short: \(Self.array.count) bytes are declared, "
        + "\(Self.array.count - 1) are there; copy or write it again")
    #expect(
      reason { $0.bytes = Self.array.count + 1 }
        == "a.npz:q: has 1 bytes too many: \(Self.array.count) are declared, "
        + "\(Self.array.count + 1) are there; write it again with one array")
  }
}
