// SPDX-License-Identifier: MIT

import Foundation
import ResultStore

/// The pictures of a page as inline SVG, drawn in one run of gnuplot.
public struct ReportPictures: Sendable {
  /// A picture with the words below it.
  struct Figure: Sendable {
    let caption: String
    let svg: String
    /// What stands below the picture, or nil.
    var note: String? = nil
  }

  /// The plots of one problem.
  struct Problem: Sendable {
    let name: String
    var figures: [Figure]
  }

  var plots: [Figure] = []
  /// Why plots are missing.
  var plotAbsences: [String] = []
  /// Only where the report has more than one problem.
  var problems: [Problem] = []
  /// By mechanism id.
  var samples: [String: Figure] = [:]
  /// By mechanism id, a picture per setting.
  var masks: [String: [Figure]] = [:]
  var maskAbsences: [String: [String]] = [:]

  /// No picture at all, for the reason given.
  public init(none reason: String) {
    plotAbsences = [reason]
  }

  /// Problems that have plots of their own.
  private static let problemLimit = 16
  /// Settings of one mechanism whose masks are drawn.
  private static let maskLimit = 3

  /// Draws everything that `report` has data for.
  ///
  /// - Throws: ``ReportingError`` if gnuplot cannot run or the folder for its files cannot be made.
  public init(
    drawing report: Report, catalogue: ReportCatalogue, renderer: PlotRenderer = PlotRenderer()
  ) throws(ReportingError) {
    var sheet = Sheet()
    let problems = report.problemNames
    let perProblem: Set<PlotKind> = problems.count > 1 ? [.bars, .pareto] : []
    for kind in PlotKind.allCases where !perProblem.contains(kind) {
      sheet.add(.plot, kind.title, required: true) { report.plotScript(kind, output: $0) }
    }
    if problems.count > 1 {
      for name in problems.prefix(Self.problemLimit) {
        let part = Report(report) { $0.problemText == name }
        for kind in [PlotKind.bars, .pareto] {
          sheet.add(.problem(name), kind.title) { part.plotScript(kind, output: $0) }
        }
      }
    }
    addPanels(report, catalogue: catalogue, to: &sheet)
    plotAbsences += sheet.absences
    for (place, figure) in try sheet.draw(with: renderer) { take(figure, at: place) }
  }

  private mutating func addPanels(
    _ report: Report, catalogue: ReportCatalogue, to sheet: inout Sheet
  ) {
    for (id, rows) in report.mechanisms {
      sheet.add(.samples(id), "Every sample, relative to the median of its case") {
        SamplesPlot.script(rows, output: $0)
      }
      var pictures: [MaskPicture] = []
      for row in rows {
        switch catalogue.masks[row.record.caseID] {
        case nil: continue
        case .absent(let reason):
          if !(maskAbsences[id] ?? []).contains(reason) {
            maskAbsences[id, default: []].append(reason)
          }
        case .pictures(let more): pictures += more
        }
      }
      addMasks(pictures, of: id, to: &sheet)
    }
  }

  /// One picture per setting: what looks the same at several sizes is drawn once.
  private func addMasks(_ pictures: [MaskPicture], of id: String, to sheet: inout Sheet) {
    let groups = Dictionary(grouping: pictures, by: \.heading)
    var seen: Set<String> = []
    for picture in pictures where seen.count < Self.maskLimit {
      guard seen.insert(picture.heading).inserted else { continue }
      let sizes = Set((groups[picture.heading] ?? []).compactMap(\.tokensOfCase)).sorted()
      let scale =
        "It stands for the cases of \(NumberText.list(sizes)) tokens too, "
        + "whose masks follow the same rule."
      sheet.add(
        .mask(id), "Who attends to whom: \(picture.heading); \(picture.facts)",
        note: sizes.isEmpty ? nil : scale
      ) {
        .value(picture.script(output: $0))
      }
    }
  }

  private mutating func take(_ figure: Figure, at place: Sheet.Place) {
    switch place {
    case .plot: plots.append(figure)
    case .problem(let name):
      if let index = problems.firstIndex(where: { $0.name == name }) {
        problems[index].figures.append(figure)
      } else {
        problems.append(Problem(name: name, figures: [figure]))
      }
    case .samples(let id): samples[id] = figure
    case .mask(let id): masks[id, default: []].append(figure)
    }
  }
}

/// Scripts that are drawn together.
private struct Sheet {
  enum Place {
    case plot
    case problem(String)
    case samples(String)
    case mask(String)
  }

  private struct Entry {
    let place: Place
    let caption: String
    let note: String?
    let script: (PlotOutput) -> Known<String>
  }

  private var entries: [Entry] = []
  private(set) var absences: [String] = []

  /// Adds a picture, or notes why there is none where it is `required`.
  mutating func add(
    _ place: Place, _ caption: String, note: String? = nil, required: Bool = false,
    script: @escaping (PlotOutput) -> Known<String>
  ) {
    if let reason = script(PlotOutput(path: "", format: .svg)).reason {
      if required { absences.append("\(caption): no picture, because \(reason).") }
    } else {
      entries.append(Entry(place: place, caption: caption, note: note, script: script))
    }
  }

  func draw(
    with renderer: PlotRenderer
  ) throws(ReportingError) -> [(Place, ReportPictures.Figure)] {
    let texts = try renderer.svg(entries.map(\.script))
    return zip(entries, texts).enumerated().compactMap { index, pair in
      let (entry, text) = pair
      let picture = text.flatMap {
        InlinePicture.text($0, label: entry.caption, prefix: "p\(index)-")
      }
      return picture.map {
        (entry.place, ReportPictures.Figure(caption: entry.caption, svg: $0, note: entry.note))
      }
    }
  }
}

extension Report {
  /// Problems of the rows with results, in order of appearance.
  var problemNames: [String] {
    var names: [String] = []
    for row in resultRows where !names.contains(row.record.problemText) {
      names.append(row.record.problemText)
    }
    return names
  }

  /// Rows by mechanism, in order of appearance.
  var mechanisms: [(id: String, rows: [NumberedRecord])] {
    var ids: [String] = []
    for row in rows where !ids.contains(row.record.mechanism.id) {
      ids.append(row.record.mechanism.id)
    }
    let groups = Dictionary(grouping: rows, by: \.record.mechanism.id)
    return ids.map { ($0, groups[$0] ?? []) }
  }
}
