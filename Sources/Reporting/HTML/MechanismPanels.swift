// SPDX-License-Identifier: MIT

import AttentionCore
import ResultStore

/// A panel per mechanism with its cases, as a template sees them.
struct MechanismPanels {
  typealias Context = [String: Any]

  private let report: Report
  private let catalogue: ReportCatalogue
  private let pictures: ReportPictures

  init(_ report: Report, catalogue: ReportCatalogue, pictures: ReportPictures) {
    self.report = report
    self.catalogue = catalogue
    self.pictures = pictures
  }

  var contexts: [Context] {
    report.mechanisms.enumerated().map { index, entry in
      panel(entry.id, entry.rows, number: index + 1)
    }
  }

  private func panel(_ id: String, _ rows: [NumberedRecord], number: Int) -> Context {
    let mechanism = rows.first?.record.mechanism
    var context: Context = [
      "number": String(number), "id": Escaping.oneLine(id),
      "title": Escaping.oneLine(mechanism?.title ?? ""),
      "family": mechanism?.family.rawValue ?? "", "exactness": mechanism?.exactness.rawValue ?? "",
      "caseCount": rows.count == 1 ? "1 case" : "\(rows.count) cases",
      "masks": (pictures.masks[id] ?? []).map(\.context),
      "maskAbsences": (pictures.maskAbsences[id] ?? []).map { "No picture of its mask: \($0)." },
      "samples": pictures.samples[id].map { [$0.context] } ?? [],
      "cases": rows.map(caseContext),
    ]
    context["facts"] = catalogue.facts[id].map { [facts($0, rows: rows)] } ?? []
    return context
  }

  private func facts(_ facts: MechanismFacts, rows: [NumberedRecord]) -> Context {
    let year = facts.paper.year.map { " (\($0))" } ?? ""
    let parameters = facts.parameters.map { parameter -> Context in
      var values: [String] = []
      for row in rows {
        guard let value = row.record.mechanism.parameters[parameter.name] else { continue }
        if !values.contains(value) { values.append(value) }
      }
      return [
        "name": parameter.name, "default": parameter.defaultText, "meaning": parameter.meaning,
        "here": values.map(Escaping.oneLine),
      ]
    }
    var context: Context = [
      "summary": facts.summary, "cost": facts.cost, "parameters": parameters,
      "hasParameters": !parameters.isEmpty, "paper": facts.paper.title + year,
    ]
    if let arXiv = facts.paper.arXiv {
      context["link"] = "https://arxiv.org/abs/\(arXiv)"
      context["paper"] = "\(facts.paper.title)\(year), arXiv:\(arXiv)"
    } else {
      context["noLink"] = true
    }
    return context
  }

  private func caseContext(_ row: NumberedRecord) -> Context {
    let record = row.record
    var context: Context = [
      "number": String(row.number),
      "parameters": row.parametersText.isEmpty
        ? "default parameters" : Escaping.oneLine(row.parametersText),
      "shape": record.problem.shape.description,
      "precision": Escaping.oneLine(record.problem.precision),
      "input": Escaping.oneLine(record.problem.input.kind), "outcome": outcome(row),
      "command": Escaping.oneLine(record.command),
      "pairs": CaseFacts(row).lines.map {
        ["name": Escaping.oneLine($0.name), "value": Escaping.oneLine($0.value)] as Context
      },
    ]
    if let tiles = record.work.tiles.value, tiles.total > 0 { context["tiles"] = self.tiles(tiles) }
    return context
  }

  /// What the line of a case ends with: its speed, or how far it came.
  private func outcome(_ row: NumberedRecord) -> String {
    guard row.record.status == .measured, let speed = row.timing(\.speedUpOverFlash).value else {
      return row.record.status.phrase
    }
    return "\(NumberText.significant(speed.value)) times flash"
  }

  private func tiles(_ tiles: TileCounts) -> Context {
    let partial = max(tiles.visited - tiles.full, 0)
    let skipped = max(tiles.total - tiles.visited, 0)
    return [
      "full": String(tiles.full), "partial": String(partial), "skipped": String(skipped),
      "label": "key tiles of a head: \(NumberText.count(tiles.full)) full, "
        + "\(NumberText.count(partial)) partial (hatched), \(NumberText.count(skipped)) skipped; "
        + "at most \(NumberText.count(tiles.worst)) of "
        + "\(NumberText.count(tiles.densePerQueryTile)) for one query tile",
    ]
  }
}

/// What is known about one case, a line per fact; what is missing has its reason.
struct CaseFacts {
  let lines: [(name: String, value: String)]

  init(_ row: NumberedRecord) {
    let record = row.record
    var lines: [(name: String, value: String)] = [("case", record.caseID)]
    if let explanation = record.status.explanation {
      lines.append((record.status.phrase, explanation))
    }
    lines.append(
      ("parameters", record.allParametersText.isEmpty ? "none" : record.allParametersText))
    lines.append(("time", Self.time(row)))
    lines.append(("speed", Self.speed(row)))
    lines.append(("floor", Self.floor(row)))
    lines.append(("accuracy", Self.accuracy(record)))
    lines.append(
      (
        "input",
        "\(record.problem.input.kind), seed \(record.problem.input.seed), checksum "
          + (record.problem.input.checksum.value ?? "unknown")
      ))
    lines.append(
      (
        "run",
        "\(record.execution.kernelTable) kernels, \(record.execution.threads) threads on CPUs "
          + "\(record.execution.affinity), begun \(record.execution.startedAt)"
      ))
    self.lines = lines
  }

  private static func time(_ row: NumberedRecord) -> String {
    switch row.time(.mechanism) {
    case .absent(let reason): return "n/a: \(reason)"
    case .value(let time):
      let unit = ColumnUnit.duration(nanoseconds: [time.medianNanoseconds])
      func text(_ nanoseconds: Double) -> String {
        NumberText.significant(nanoseconds / unit.factor)
      }
      let interval = time.intervalNanoseconds
      return "median \(text(time.medianNanoseconds)) \(unit.name) "
        + "(\(text(interval.low)) ... \(text(interval.high))), MAD \(text(time.madNanoseconds)), "
        + "minimum \(text(time.minNanoseconds)), p90 \(text(time.p90Nanoseconds)); "
        + "\(time.count) samples, \(time.disturbed) disturbed"
    }
  }

  private static func speed(_ row: NumberedRecord) -> String {
    switch row.timing(\.gigaflopsPerSecond) {
    case .absent(let reason): return "n/a: \(reason)"
    case .value(let speed):
      let share = row.timing(\.shareOfPeak).value.map {
        ", \(NumberText.percent($0)) of the f32 peak beside it"
      }
      return "\(NumberText.significant(speed)) GFLOP/s" + (share ?? "")
    }
  }

  private static func floor(_ row: NumberedRecord) -> String {
    switch row.hostBound.flatMap(\.floorSeconds) {
    case .absent(let reason): return "n/a: \(reason)"
    case .value(let seconds):
      let unit = ColumnUnit.duration(nanoseconds: [seconds * 1e9])
      let share = row.timing(\.floorShare).value.map { ", \(NumberText.percent($0)) reached" } ?? ""
      let ceiling = row.hostBound.flatMap(\.bindingCeiling).value.map { ", bound by \($0)" } ?? ""
      return "\(NumberText.significant(seconds * 1e9 / unit.factor)) \(unit.name)\(ceiling)\(share)"
    }
  }

  private static func accuracy(_ record: CaseRecord) -> String {
    switch record.accuracy.dense {
    case .absent(let reason): return "n/a: \(reason)"
    case .value(let error):
      var text =
        "cosine \(NumberText.cosine(error.cosine)), relative L1 "
        + "\(NumberText.scientific(error.relativeL1)), RMSE \(NumberText.scientific(error.rmse))"
      if let head = error.worstHeadCosine.value {
        text += "; worst head \(NumberText.cosine(head))"
      }
      if let row = error.worstRowCosine.value { text += ", worst row \(NumberText.cosine(row))" }
      return text + " (\(NumberText.count(error.rows)) rows compared)"
    }
  }
}
