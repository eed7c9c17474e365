// SPDX-License-Identifier: MIT

import ResultStore

/// Writes every form of a report into a run folder.
public struct ReportWriter: Sendable {
  public static let pageName = "report.html"

  public let renderer: PlotRenderer

  /// What was written, and what was not and why.
  public struct Outcome: Hashable, Sendable {
    public var files: [String] = []
    public var notes: [String] = []
  }

  public init(renderer: PlotRenderer = PlotRenderer()) {
    self.renderer = renderer
  }

  /// Writes tables and pictures; a picture that cannot be drawn is a note, not an error.
  ///
  /// - Throws: ``ResultStoreError/unwritable(file:cause:)`` if a table cannot be written, or
  ///   ``ReportingError/notEncodable(cause:)``.
  public func write(
    _ report: Report, catalogue: ReportCatalogue = ReportCatalogue(), to folder: RunFolder
  ) throws -> Outcome {
    var outcome = Outcome()
    var images: Set<PlotKind> = []
    for plot in renderer.drawAll(of: report, in: folder.path) {
      switch plot.outcome {
      case .success(.value(let name)):
        outcome.files.append(name)
        if plot.format == .svg { images.insert(plot.kind) }
      case .success(.absent(let reason)): outcome.note("\(plot.kind.rawValue): \(reason)")
      case .failure(let error): outcome.note("\(plot.kind.rawValue): \(error)")
      }
    }
    for format in TextFormat.allCases {
      try folder.write(report.text(as: format, images: images), to: format.fileName)
      outcome.files.append(format.fileName)
    }
    try folder.write(page(report, catalogue: catalogue), to: Self.pageName)
    outcome.files.append(Self.pageName)
    return outcome
  }

  /// The report as one HTML page; without gnuplot it says why pictures are missing.
  public func page(_ report: Report, catalogue: ReportCatalogue) throws(ReportingError) -> String {
    let pictures: ReportPictures
    do {
      pictures = try ReportPictures(drawing: report, catalogue: catalogue, renderer: renderer)
    } catch {
      pictures = ReportPictures(none: "There are no pictures here: \(error).")
    }
    return try report.html(catalogue: catalogue, pictures: pictures)
  }
}

extension ReportWriter.Outcome {
  fileprivate mutating func note(_ text: String) {
    if !notes.contains(text) { notes.append(text) }
  }
}
