// SPDX-License-Identifier: MIT

import Foundation

/// The annotations beside a history: a file that only grows, which a rebuild does not touch.
public struct HistoryAnnotations: Sendable {
  private let place: HistoryPlace
  /// Those that were not taken back, by time.
  public let current: [HistoryAnnotation]
  /// Lines of the file that could not be used.
  public let problems: [String]
  private let end: LineFileEnd

  private struct Line: Codable {
    var schema = CaseRecord.currentSchema
    var annotation: HistoryAnnotation?
    /// Id of an annotation that no longer holds.
    var retracted: String?
  }

  /// Reads the annotations beside the history at `place`; a missing file holds none.
  public init(_ place: HistoryPlace) {
    self.place = place
    let data = (try? PlainFile.contents(of: place.annotations)) ?? Data()
    let lines = JournalLines<Line>(parsing: data)
    end = lines.end
    problems = lines.problems.map { problem in
      switch problem {
      case .cutLine(let number, _):
        "line \(number) of \(place.annotations) was cut off; its annotation is lost"
      case .malformedLine(let number, let cause):
        "line \(number) of \(place.annotations) holds no annotation (\(cause)); "
          + "the others were kept"
      }
    }
    let retracted = Set(lines.entries.compactMap(\.entry.retracted))
    current = lines.entries.compactMap(\.entry.annotation)
      .filter { !retracted.contains($0.id) }
      .sorted { ($0.at, $0.madeAt, $0.id) < ($1.at, $1.madeAt, $1.id) }
  }

  /// Those that are about the series `key`.
  public func about(_ key: SeriesKey) -> [HistoryAnnotation] {
    current.filter { $0.concerns(key) }
  }

  /// Adds `annotation` to the file; it is on disk on return.
  public static func add(
    _ annotation: HistoryAnnotation, to place: HistoryPlace
  ) throws(ResultStoreError) {
    try append(Line(annotation: annotation), to: place)
  }

  /// Takes the annotation with the id `id` back.
  ///
  /// - Throws: ``ResultStoreError/unknownAnnotation(id:known:)``.
  public static func retract(_ id: String, from place: HistoryPlace) throws(ResultStoreError) {
    let known = HistoryAnnotations(place).current.map(\.id)
    guard known.contains(id) else { throw .unknownAnnotation(id: id, known: known) }
    try append(Line(retracted: id), to: place)
  }

  private static func append(_ line: Line, to place: HistoryPlace) throws(ResultStoreError) {
    let lock = try History.lock(place, patience: History.patience)
    defer { withExtendedLifetime(lock) {} }
    let file = try LineFile(place.annotations, end: HistoryAnnotations(place).end)
    let data: Data
    do {
      data = try RecordCoding.encoder(pretty: false).encode(line)
    } catch {
      throw .notEncodable(caseID: "annotation", cause: String(describing: error))
    }
    try file.append(data)
  }
}
