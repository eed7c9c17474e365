// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionEngines
import Foundation
import Measurement
import Reporting
import ResultStore
import Simulator
import SuiteRunner

/// The main job: verify, simulate, measure, report.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Verify, simulate and measure the cases of a suite, and write a report.",
    discussion: """
      Results go to a folder below Results/runs; every finished case is on disk before the next \
      begins, and --resume NAME continues a run that was stopped.

        attnbench run Suites/card.yaml
        attnbench run Suites/card.yaml --filter neighborhood --threads 1
        attnbench run Suites/card.yaml --resume card-20260101-120000
      """,
    aliases: ["suite"])

  @OptionGroup var suiteOptions: SuiteOptions
  @OptionGroup var kernelOptions: KernelOptions
  @OptionGroup var counterOptions: CounterOptions

  @Flag(help: "Print the cases and stop.")
  var dryRun = false

  @Option(help: ArgumentHelp("Continue the run of this name.", valueName: "name"))
  var resume: String?

  @Option(help: "Name of the run; default is the suite's name and the time.")
  var name: String?

  @Option(help: "Folder of all runs.")
  var output = "Results/runs"

  func run() throws {
    BLASCore.correct(note: StandardError.note)
    try SuiteExecution(
      suiteOptions: suiteOptions, kernelOptions: kernelOptions,
      counters: try counterOptions.selection(), depth: nil, dryRun: dryRun,
      resume: resume, name: name, output: output
    ).run()
  }
}

/// Accuracy and exact work only.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Compare every kernel of a suite with its oracle, and counted with planned work.",
    discussion: "As run, without timing. Exit code 4 if anything differs.")

  @OptionGroup var suiteOptions: SuiteOptions
  @OptionGroup var kernelOptions: KernelOptions
  @Option(help: "Folder of all runs.")
  var output = "Results/runs"

  func run() throws {
    BLASCore.correct(note: StandardError.note)
    try SuiteExecution(
      suiteOptions: suiteOptions, kernelOptions: kernelOptions, counters: .automatic,
      depth: .verify, dryRun: false,
      resume: nil, name: nil, output: output
    ).run()
  }
}

/// One suite from file to report, at the depth that a command asks for.
struct SuiteExecution {
  let suiteOptions: SuiteOptions
  let kernelOptions: KernelOptions
  let counters: CounterSelection
  /// Nil takes what the suite's mode says.
  let depth: CaseRunner.Depth?
  let dryRun: Bool
  let resume: String?
  let name: String?
  let output: String
  /// Machines to price on; none takes those of the suite.
  var machines: [String] = []

  func run() throws {
    let suite = try SuiteFile.read(path: suiteOptions.suite)
    let machines = machines.isEmpty ? suite.machines : machines
    let suiteRun = SuiteRun(suite: suite, options: try suiteOptions.runOptions())
    guard !suiteRun.selection.isEmpty else {
      throw Refusal.usage("no case of \(suiteOptions.suite) matches the filters")
    }
    guard !dryRun else {
      for item in suiteRun.selection { print(item.id) }
      return
    }
    let progress = Progress()
    let phases = PhaseClock()
    let depth = depth ?? (suite.mode == .simulate ? .simulate : .measure)
    let host = try phases.measure(.probe) {
      try HostContext(
        options: kernelOptions, probes: machines.contains(BoundsRecord.host),
        note: progress.note)
    }
    let seed = suiteOptions.seed(of: suite).value
    let context = try host.runContext(
      machines: machines,
      counters: HostCounters(
        counters,
        workerArguments: SuiteCaseOptions.cachegrindArguments(suite: suiteOptions.suite, seed: seed)
      ),
      phases: phases, memoryLimit: try suiteOptions.memoryLimitBytes(),
      timeInProcess: host.childTiming(suite: suiteOptions.suite, seed: seed))
    try suiteRun.check(on: context.machines)
    let folder = try RunFolder(root: output, name: runName(suite))
    if resume != nil, !folder.hasHeader {
      throw Refusal.usage("there is no run '\(folder.name)' below \(output)")
    }
    let writer = try folder.openForWriting(header(suite, host: host))
    let runner = CaseRunner(
      suite: suite.name, seed: suiteOptions.seed(of: suite), timing: suite.timing, depth: depth,
      context: context, command: command)
    let outcome: SuiteRun.Outcome
    do {
      outcome = try suiteRun.run(
        with: runner, writer: writer, observer: progress, phases: phases)
    } catch {
      progress.note(
        "what was measured is safe; when the cause is mended, continue with --resume "
          + folder.name)
      throw error
    }
    let (report, written) = try phases.measure(.report) {
      let report = try Report(run: folder)
      return (
        report,
        try ReportWriter().write(
          report, catalogue: ReportCatalogue(report.records), to: folder)
      )
    }
    for note in written.notes { progress.note("note: \(note)") }
    try close(folder, outcome, phases.readings, progress)
    try conclude(outcome, suite: suite, folder: folder, report: report, progress: progress)
  }

  /// The tables of a simulated suite: there is nothing to wait for but them.
  private func show(_ bounds: SuiteBounds) {
    let cases = Listing(subject: "bounds", columns: bounds.columns, rows: bounds.rows)
    print(cases.text(.table))
    guard !bounds.publishedRows.isEmpty else { return }
    let figures = Listing(
      subject: "published", columns: SuiteBounds.publishedColumns, rows: bounds.publishedRows)
    print(figures.text(.table))
  }

  private func runName(_ suite: Suite) -> String {
    if let resume { return resume }
    if let name { return name }
    let formatter = DateFormatter()
    formatter.dateFormat = "yyyyMMdd-HHmmss"
    formatter.timeZone = TimeZone(identifier: "UTC")
    formatter.locale = Locale(identifier: "en_US_POSIX")
    let stem = "\(suite.name)-\(formatter.string(from: Date()))"
    // Two runs may begin in the same second.
    let names = [stem] + (2...99).map { "\(stem)-\($0)" }
    return names.first { !FileManager.default.fileExists(atPath: "\(output)/\($0)") } ?? stem
  }

  private func header(_ suite: Suite, host: HostContext) -> RunHeader {
    var options = ["threads": "\(host.execution.pool.count)"]
    if !suiteOptions.filters.isEmpty {
      options["filter"] = suiteOptions.filters.joined(separator: " ")
    }
    if let shard = suiteOptions.shard { options["shard"] = shard }
    if suite.timing.processes > 1 { options["processes"] = "\(suite.timing.processes)" }
    return RunHeader(
      suite: suite.name, suiteFingerprint: TextFingerprint(suite.text).description,
      seed: suiteOptions.seed(of: suite).value, options: options,
      attnbenchVersion: Product.version, startedAt: HostContext.timestamp(),
      ceilings: host.ceilings, runID: RunHeader.freshID())
  }

  /// The command that repeats one case: the suite as it was named, of an absolute path the end
  /// alone, since those differ.
  private func command(_ item: CaseSpecification) -> String {
    let name = suiteOptions.suiteName
    let file =
      name.hasPrefix("/") ? name.split(separator: "/").suffix(2).joined(separator: "/") : name
    return "attnbench run \(file) --filter '\(item.id)'"
  }

  /// Writes the footer and says where the time went.
  private func close(
    _ folder: RunFolder, _ outcome: SuiteRun.Outcome, _ spent: PhaseReadings, _ progress: Progress
  ) throws {
    let summary = RunSummary(outcome: outcome, spent: spent)
    let footer = RunFooter(
      endedAt: HostContext.timestamp(), wallSeconds: spent.wallSeconds, phases: spent.byName,
      overheadShare: spent.overheadShare, coverage: summary.coverage)
    try folder.write(try footer.text(), to: RunFooter.fileName)
    for line in summary.lines { progress.note(line) }
  }

  private func conclude(
    _ outcome: SuiteRun.Outcome, suite: Suite, folder: RunFolder, report: Report,
    progress: Progress
  ) throws {
    progress.note("")
    print(TerminalSummary(report).text(for: .standardOutput))
    if depth == .simulate { show(SuiteBounds(outcome.records)) }
    print("Report: \(folder.path)/report.md")
    print("Page:   \(folder.path)/\(ReportWriter.pageName)")
    if outcome.unreached > 0 {
      progress.note(
        "\(outcome.unreached) cases were not reached before the time limit; continue with "
          + "--resume \(folder.name)")
    }
    let wrong = outcome.records.filter {
      switch $0.status {
      case .failed, .boundViolated: true
      case .measured, .verifiedOnly, .simulatedOnly, .skipped: false
      }
    }
    let differences = PublishedFigures(suite: suite, records: outcome.records).differences
    for difference in differences { progress.note(difference) }
    guard wrong.isEmpty, differences.isEmpty else {
      progress.note("\(wrong.count + differences.count) of \(outcome.records.count) cases failed")
      throw ExitCode(4)
    }
    guard outcome.unreached == 0 else { throw ExitCode(6) }
  }
}
