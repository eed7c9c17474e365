// SPDX-License-Identifier: MIT

import ResultStore

/// A report for spreadsheets and data frames: one line per case, full precision, units in names.
///
/// A missing number is `n/a`; the last column says why.
struct CSVReport {
  private struct Field {
    let name: String
    let content: Content

    enum Content {
      case text(String)
      case quantity(Quantity)
    }
  }

  private let records: [CaseRecord]
  private let machines: [String]
  /// Derived figures by name and title, in the order in which records first mention them.
  private let metrics: [MetricRecord]

  init(_ report: Report) {
    records = report.records
    machines = DetailTables.machineNames(report.rows)
    var seen: Set<String> = []
    metrics = report.records.flatMap { $0.metrics ?? [] }.filter { seen.insert($0.name).inserted }
  }

  var text: String { ([heading] + lines).joined(separator: "\n") + "\n" }

  var heading: String {
    // Every record has the same fields; without a record only the first is sure.
    let names = records.first.map { fields($0).map(\.name) } ?? ["caseID"]
    return (names + ["absences"]).map(Escaping.csv).joined(separator: ",")
  }

  /// A line per record, in order.
  var lines: [String] { records.map { line(fields($0)) } }

  private func line(_ fields: [Field]) -> String {
    var absences: [String] = []
    let cells = fields.map { field in
      switch field.content {
      case .text(let text): return Escaping.csv(text)
      case .quantity(.value(let number)) where number.isFinite: return Self.plain(number)
      case .quantity(let quantity):
        absences.append("\(field.name): \(quantity.reason ?? "not a finite number")")
        return "n/a"
      }
    }
    return (cells + [Escaping.csv(absences.joined(separator: "; "))]).joined(separator: ",")
  }

  /// The shortest text that reads back as the same number, without `.0` on whole numbers.
  private static func plain(_ number: Double) -> String {
    Int(exactly: number).map(String.init) ?? String(number)
  }

  private func fields(_ record: CaseRecord) -> [Field] {
    identity(record) + problem(record) + provenance(record) + work(record) + bounds(record)
      + times(record) + ratios(record) + accuracy(record) + derived(record)
  }

  /// The metrics, with their units in the column names.
  private func derived(_ record: CaseRecord) -> [Field] {
    metrics.map { metric in
      let own = record.metrics?.first { $0.name == metric.name }
      return quantity(
        "metric: \(metric.title)",
        own?.value ?? .absent(reason: "the record was made without metrics"))
    }
  }

  private func identity(_ record: CaseRecord) -> [Field] {
    [
      text("caseID", record.caseID), text("suite", record.suite),
      text("status", record.status.word), text("statusReason", record.status.explanation ?? "none"),
      text("mechanism", record.mechanism.id), text("title", record.mechanism.title),
      text("family", record.mechanism.family.rawValue),
      text("exactness", record.mechanism.exactness.rawValue),
      text(
        "parameters", record.allParametersText.isEmpty ? "none" : record.allParametersText),
      text("command", record.command),
    ]
  }

  private func problem(_ record: CaseRecord) -> [Field] {
    let shape = record.problem.shape
    return [
      number("batch", shape.batch), number("queryHeads", shape.queryHeads),
      number("keyValueHeads", shape.keyValueHeads), number("queryLength", shape.queryLength),
      number("keyLength", shape.keyLength), number("headDim", shape.headDim),
      number("valueDim", shape.valueDim), text("causality", shape.causality.rawValue),
      text("grid", shape.grid?.description ?? "none"), text("precision", record.problem.precision),
      text("input", record.problem.input.kind), text("seed", String(record.problem.input.seed)),
      text("inputChecksum", record.problem.input.checksum.value ?? "n/a"),
    ]
  }

  private func provenance(_ record: CaseRecord) -> [Field] {
    [
      number("threads", record.execution.threads), text("affinity", record.execution.affinity),
      text("kernelTable", record.execution.kernelTable),
      text("startedAt", record.execution.startedAt), text("cpu", record.machine.cpu),
      text("machineFingerprint", record.machine.fingerprint),
      text("machineSlug", record.machine.slug),
      text("attnbenchVersion", record.build.attnbenchVersion),
      text("commit", record.build.commit), text("compiler", record.build.compiler),
      text("openBLASCore", record.build.openBLASCore),
    ]
  }

  private func work(_ record: CaseRecord) -> [Field] {
    let work = record.work
    return [
      quantity("attendedPairs", work.attendedPairs.map(Double.init)),
      quantity("productOperations", .value(work.operations.productOperations)),
      quantity("denseProductOperations", .value(work.denseOperations.productOperations)),
      number("exponentials", work.operations[.exponential]),
      number("bytesRead", work.bytesRead), number("bytesWritten", work.bytesWritten),
      quantity("tilesTotal", work.tiles.map { Double($0.total) }),
      quantity("tilesVisited", work.tiles.map { Double($0.visited) }),
      quantity("tilesFull", work.tiles.map { Double($0.full) }),
      quantity("tilesWorst", work.tiles.map { Double($0.worst) }),
      text("countsAgree", record.counts.agree.value.map { $0 ? "yes" : "no" } ?? "n/a"),
    ]
  }

  private func bounds(_ record: CaseRecord) -> [Field] {
    let host = record.bounds.bound(on: BoundsRecord.host)
    return [
      quantity("flopBound", record.bounds.flop), quantity("tileBound", record.bounds.tile),
      quantity("worstTileBound", record.bounds.worstTile),
      quantity(
        "endToEndBound",
        record.bounds.endToEnd ?? .absent(reason: "the suite gives no share of attention")),
      quantity("floorSeconds", host.flatMap(\.floorSeconds)),
      quantity("denseFloorSeconds", host.flatMap(\.denseFloorSeconds)),
    ]
      + machines.flatMap { name in
        let bound = record.bounds.bound(on: name)
        return [
          quantity("rooflineBound[\(name)]", bound.flatMap(\.roofline)),
          text("bindingCeiling[\(name)]", bound.flatMap(\.bindingCeiling).value ?? "n/a"),
        ]
      }
  }

  private func times(_ record: CaseRecord) -> [Field] {
    let timing = record.publishableTiming
    let own = timing.flatMap { $0.alternative(.mechanism) }
    let flash = timing.flatMap { $0.alternative(.flashBaseline) }
    let dense = timing.flatMap { $0.alternative(.denseBaseline) }
    return [
      quantity("medianNanoseconds", own.map(\.medianNanoseconds)),
      quantity("medianLowNanoseconds", own.map(\.intervalNanoseconds.low)),
      quantity("medianHighNanoseconds", own.map(\.intervalNanoseconds.high)),
      quantity("madNanoseconds", own.map(\.madNanoseconds)),
      quantity("minNanoseconds", own.map(\.minNanoseconds)),
      quantity("p90Nanoseconds", own.map(\.p90Nanoseconds)),
      quantity("samples", own.map { Double($0.count) }),
      quantity("disturbedSamples", own.map { Double($0.disturbed) }),
      quantity("flashMedianNanoseconds", flash.map(\.medianNanoseconds)),
      quantity("denseMedianNanoseconds", dense.map(\.medianNanoseconds)),
      text("cache", timing.value?.cache ?? "n/a"), text("stop", timing.value?.stop ?? "n/a"),
    ]
  }

  private func ratios(_ record: CaseRecord) -> [Field] {
    let timing = record.publishableTiming
    let flash = timing.flatMap(\.speedUpOverFlash)
    let dense = timing.flatMap(\.speedUpOverDense)
    return [
      quantity("speedUpOverFlash", flash.map(\.value)),
      quantity("speedUpOverFlashLow", flash.map(\.interval.low)),
      quantity("speedUpOverFlashHigh", flash.map(\.interval.high)),
      quantity("speedUpOverDense", dense.map(\.value)),
      quantity("speedUpOverDenseLow", dense.map(\.interval.low)),
      quantity("speedUpOverDenseHigh", dense.map(\.interval.high)),
      quantity("realisedShare", timing.flatMap(\.realisedShare)),
      quantity("floorShare", timing.flatMap(\.floorShare)),
      quantity("flashFloorShare", timing.flatMap(\.flashFloorShare)),
      quantity("gigaflopsPerSecond", timing.flatMap(\.gigaflopsPerSecond)),
      quantity(
        "adjacentPeakGigaflopsPerSecond", timing.flatMap(\.adjacentPeakGigaflopsPerSecond)),
      quantity("shareOfPeak", timing.flatMap(\.shareOfPeak)),
    ]
  }

  private func accuracy(_ record: CaseRecord) -> [Field] {
    let oracle = record.accuracy.oracle
    let dense = record.accuracy.dense
    let selection = record.selection
    return [
      text("oraclePassed", oracle.value.map { $0.passed ? "yes" : "no" } ?? "n/a"),
      quantity("oracleMaxAbsolute", oracle.map(\.maxAbsolute)),
      quantity("oracleRelativeL2", oracle.map(\.relativeL2)),
      quantity("oracleWorstRow", oracle.map(\.worstRow)),
      quantity("oracleTolerance", oracle.map(\.tolerance)),
      quantity("denseCosine", dense.map(\.cosine)),
      quantity("denseRelativeL1", dense.map(\.relativeL1)),
      quantity("denseRMSE", dense.map(\.rmse)),
      quantity("denseWorstHeadCosine", dense.flatMap(\.worstHeadCosine)),
      quantity("denseWorstRowCosine", dense.flatMap(\.worstRowCosine)),
      quantity("selectionShare", selection.map(\.selectionShare)),
      quantity("attentionMassKept", selection.map(\.attentionMassKept)),
      quantity("workspaceBytes", record.memory.workspaceBytes.map(Double.init)),
      quantity("peakResidentBytes", record.memory.peakResidentBytes.map(Double.init)),
    ]
  }

  private func text(_ name: String, _ text: String) -> Field {
    Field(name: name, content: .text(text))
  }

  private func number(_ name: String, _ number: Int) -> Field {
    Field(name: name, content: .text(String(number)))
  }

  private func quantity(_ name: String, _ quantity: Quantity) -> Field {
    Field(name: name, content: .quantity(quantity))
  }
}
