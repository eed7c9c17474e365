// SPDX-License-Identifier: MIT

import Foundation

/// One run on disk: `run.json`, `journal.jsonl` and the reports made from them.
public struct RunFolder: Hashable, Sendable {
  public static let headerName = "run.json"
  public static let journalName = "journal.jsonl"
  static let lockName = "run.lock"
  /// Journals above this are refused before they are read [byte].
  static let journalLimit = 1 << 30
  static let headerLimit = 1 << 24

  public let path: String
  public let name: String

  /// The folder `name` below `root`, such as `Results/runs`; nothing is created.
  ///
  /// - Throws: ``ResultStoreError/badRunName(name:rule:)`` unless the name is 1 to 100 letters,
  ///   digits, `.`, `_` and `-`, and begins with a letter or digit.
  public init(root: String, name: String) throws(ResultStoreError) {
    let isPlain = name.utf8.allSatisfy { byte in
      Self.isAlphanumeric(byte)
        || [UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-")]
          .contains(byte)
    }
    guard isPlain, let first = name.utf8.first, Self.isAlphanumeric(first), name.utf8.count <= 100
    else {
      throw .badRunName(
        name: name,
        rule: "use 1 to 100 letters, digits, '.', '_' and '-', beginning with a letter or digit")
    }
    self.name = name
    path = "\(root)/\(name)"
  }

  /// An existing run at `path`, named for its last component.
  public init(existing path: String) {
    self.path = path
    name = URL(fileURLWithPath: path).lastPathComponent
  }

  public var journalPath: String { "\(path)/\(Self.journalName)" }
  public var headerPath: String { "\(path)/\(Self.headerName)" }

  /// Whether a run has begun here, even if it was killed before its first record.
  public var hasHeader: Bool { FileManager.default.fileExists(atPath: headerPath) }

  /// Whether there are records, or a place for them.
  public var hasJournal: Bool { FileManager.default.fileExists(atPath: journalPath) }

  /// The records on disk; a folder without a journal has none.
  public func contents() throws(ResultStoreError) -> JournalContents {
    JournalContents(parsing: try journal())
  }

  /// The bytes of the journal; none if there is no journal.
  func journal() throws(ResultStoreError) -> Data {
    hasJournal ? try Self.read(journalPath, limit: Self.journalLimit) : Data()
  }

  /// The header of the run.
  ///
  /// - Throws: ``ResultStoreError/unreadable(file:cause:)`` if there is none, or
  ///   ``ResultStoreError/malformedHeader(file:cause:)``.
  public func header() throws(ResultStoreError) -> RunHeader {
    try Self.header(parsing: Self.read(headerPath, limit: Self.headerLimit), file: headerPath)
  }

  /// The header in `data`; `file` is the name that errors carry.
  package static func header(
    parsing data: Data, file: String
  ) throws(ResultStoreError) -> RunHeader {
    do {
      let decoder = RecordCoding.decoder()
      if let objection = try decoder.decode(SchemaTag.self, from: data).objection {
        throw ResultStoreError.malformedHeader(file: file, cause: objection)
      }
      return try decoder.decode(RunHeader.self, from: data)
    } catch let error as ResultStoreError {
      throw error
    } catch {
      throw .malformedHeader(file: file, cause: RecordCoding.explanation(of: error))
    }
  }

  /// Begins the run, or continues it if the folder already belongs to the same suite and seed.
  ///
  /// A half last line of the journal is cut off. What was on disk is the writer's `existing`.
  ///
  /// - Throws: ``ResultStoreError/otherSuite(run:suite:requested:)``, `changedSuite`, `otherSeed`
  ///   or `missingHeader` if the folder belongs to something else;
  ///   ``ResultStoreError/inUse(run:process:)`` while another writer is open.
  public func openForWriting(_ header: RunHeader) throws(ResultStoreError) -> JournalWriter {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw .unwritable(file: path, cause: error.localizedDescription)
    }
    let lock = try FileLock(file: "\(path)/\(Self.lockName)") { .inUse(run: name, process: $0) }
    if FileManager.default.fileExists(atPath: headerPath) {
      try checkOwnership(against: header)
    } else if hasJournal {
      throw .missingHeader(run: name)
    } else {
      try writeHeader(header)
    }
    let writer = try JournalWriter(file: journalPath, existing: try contents(), lock: lock)
    try Self.synchronize(folder: path)
    return writer
  }

  /// Replaces the file `fileName` of this folder with `text` in one step.
  public func write(_ text: String, to fileName: String) throws(ResultStoreError) {
    let file = "\(path)/\(fileName)"
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw .unwritable(file: path, cause: error.localizedDescription)
    }
    let unfinished = "\(path)/.\(fileName).unfinished"
    unlink(unfinished)
    defer { unlink(unfinished) }
    // On disk before it gets its name: a header that a power failure empties would cost the run.
    try LineFile(unfinished, end: LineFileEnd()).write(Data(text.utf8))
    guard rename(unfinished, file) == 0 else {
      throw .unwritable(file: file, cause: systemErrorText())
    }
  }

  private func checkOwnership(against requested: RunHeader) throws(ResultStoreError) {
    let found = try header()
    guard found.suite == requested.suite else {
      throw .otherSuite(run: name, suite: found.suite, requested: requested.suite)
    }
    guard found.suiteFingerprint == requested.suiteFingerprint else {
      throw .changedSuite(run: name, suite: found.suite)
    }
    guard found.seed == requested.seed else {
      throw .otherSeed(run: name, seed: found.seed, requested: requested.seed)
    }
  }

  private func writeHeader(_ header: RunHeader) throws(ResultStoreError) {
    do {
      let data = try RecordCoding.encoder(pretty: true).encode(header)
      try write(String(decoding: data, as: UTF8.self) + "\n", to: Self.headerName)
    } catch let error as ResultStoreError {
      throw error
    } catch {
      throw .unwritable(file: headerPath, cause: String(describing: error))
    }
  }

  private static func read(_ file: String, limit: Int) throws(ResultStoreError) -> Data {
    do {
      let attributes = try FileManager.default.attributesOfItem(atPath: file)
      guard attributes[.type] as? FileAttributeType == .typeRegular else {
        throw ResultStoreError.unreadable(file: file, cause: "it is not a plain file")
      }
      let bytes = (attributes[.size] as? NSNumber)?.intValue ?? 0
      guard bytes <= limit else {
        throw ResultStoreError.tooLarge(file: file, bytes: bytes, limit: limit)
      }
      return try Data(contentsOf: URL(fileURLWithPath: file))
    } catch let error as ResultStoreError {
      throw error
    } catch {
      throw .unreadable(file: file, cause: error.localizedDescription)
    }
  }

  /// Makes new names in the folder survive a power failure.
  private static func synchronize(folder: String) throws(ResultStoreError) {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .unwritable(file: folder, cause: systemErrorText()) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else {
      throw .unwritable(file: folder, cause: systemErrorText())
    }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"):
      true
    default: false
    }
  }
}
