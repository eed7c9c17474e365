// SPDX-License-Identifier: MIT

import Foundation

/// The list of run folders that a history was made from, kept beside it.
final class HistorySources {
  private let base: String
  private let file: LineFile
  private var known: Set<String>
  /// In the order in which they were first imported.
  private(set) var paths: [String]

  private struct Source: Codable {
    var schema = CaseRecord.currentSchema
    /// Relative to the folder of the database if it lies below that.
    let run: String
  }

  init(_ place: HistoryPlace) throws(ResultStoreError) {
    base = Self.absolute(place.folder)
    let lines = Self.lines(place)
    paths = lines.entries.map(\.entry.run)
    known = Set(paths)
    file = try LineFile(place.sources, end: lines.end)
  }

  /// The folders as paths that can be opened from here.
  var folders: [String] { paths.map { Self.path($0, base: base) } }

  /// The folders that the history at `place` lists, as paths that can be opened from here.
  static func folders(_ place: HistoryPlace) -> [String] {
    let base = absolute(place.folder)
    return lines(place).entries.map { path($0.entry.run, base: base) }
  }

  private static func lines(_ place: HistoryPlace) -> JournalLines<Source> {
    JournalLines(parsing: (try? PlainFile.contents(of: place.sources)) ?? Data())
  }

  private static func path(_ listed: String, base: String) -> String {
    listed.hasPrefix("/") ? listed : "\(base)/\(listed)"
  }

  /// Adds `path` unless it is listed.
  func add(_ path: String) throws(ResultStoreError) {
    let full = Self.absolute(path)
    let short = full.hasPrefix(base + "/") ? String(full.dropFirst(base.count + 1)) : full
    guard known.insert(short).inserted else { return }
    do {
      try file.append(RecordCoding.encoder(pretty: false).encode(Source(run: short)))
    } catch let error as ResultStoreError {
      throw error
    } catch {
      throw .notEncodable(caseID: short, cause: String(describing: error))
    }
    paths.append(short)
  }

  private static func absolute(_ path: String) -> String {
    URL(fileURLWithPath: path).standardizedFileURL.resolvingSymlinksInPath().path
  }
}
