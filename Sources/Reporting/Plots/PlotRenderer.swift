// SPDX-License-Identifier: MIT

import Foundation
import GnuplotBridge
import ResultStore

/// Draws pictures by running gnuplot.
public struct PlotRenderer: Sendable {
  /// Program that is looked up in the search path.
  public let program: String
  /// A picture that takes longer is given up [s].
  public let timeLimit: Double

  public init(program: String = "gnuplot", timeLimit: Double = 60) {
    self.program = program
    self.timeLimit = timeLimit
  }

  /// Draws `kind` into `folder` and returns the file's name, or why there is nothing to draw.
  ///
  /// The file appears whole or not at all.
  public func draw(
    _ kind: PlotKind, of report: Report, as format: ImageFormat, in folder: String
  ) throws(ReportingError) -> Known<String> {
    let name = kind.fileName(format)
    return try draw(in: folder, name, format) { report.plotScript(kind, output: $0) }
  }

  /// One picture of a report, drawn or not.
  struct Drawn {
    let kind: PlotKind
    let format: ImageFormat
    let outcome: Result<Known<String>, ReportingError>
  }

  /// Draws every kind in every format into `folder`, all by one process where none is refused.
  func drawAll(of report: Report, in folder: String) -> [Drawn] {
    let wanted = PlotKind.allCases.flatMap { kind in ImageFormat.allCases.map { (kind, $0) } }
    let scripts = wanted.map { kind, format in
      let path = Self.unfinished(kind.fileName(format), in: folder)
      return report.plotScript(kind, output: PlotOutput(path: path, format: format))
    }
    let all = scripts.compactMap(\.value)
    let file = Self.unfinished("plots", in: folder) + ".gp"
    let isDrawn = (try? patient(all.count).run(all.joined(separator: "reset\n"), file: file)) != nil
    return zip(wanted, scripts).map { place, script in
      let (kind, format) = place
      let outcome = Result<Known<String>, ReportingError> { () throws(ReportingError) in
        // One that gnuplot refuses stops those after it: each is drawn alone then.
        guard isDrawn else { return try draw(kind, of: report, as: format, in: folder) }
        if case .value = script { try finish(kind.fileName(format), in: folder, format) }
        return script.map { _ in kind.fileName(format) }
      }
      return Drawn(kind: kind, format: format, outcome: outcome)
    }
  }

  /// Draws the roofline of a machine into the file `path`, whole or not at all.
  public func draw(
    _ machine: MachinePlot, as format: ImageFormat, to path: String
  ) throws(ReportingError) {
    try draw(to: path, format) { machine.script(output: $0) }
  }

  /// Draws a trend into the file `path`, whole or not at all.
  public func draw(
    _ trend: TrendPlot, as format: ImageFormat, to path: String
  ) throws(ReportingError) {
    try draw(to: path, format) { trend.script(output: $0) }
  }

  private func draw(
    to path: String, _ format: ImageFormat, script: (PlotOutput) -> Known<String>
  ) throws(ReportingError) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let folder = parts.count > 1 ? parts.dropLast().joined(separator: "/") : "."
    let drawn = try draw(in: folder, parts.last ?? path, format, script: script)
    if case .absent(let reason) = drawn { throw .nothingToDraw(reason: reason) }
  }

  /// Draws who attends to whom into the file `path`, whole or not at all.
  public func draw(
    _ mask: MaskPicture, as format: ImageFormat, to path: String
  ) throws(ReportingError) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let folder = parts.count > 1 ? parts.dropLast().joined(separator: "/") : "."
    _ = try draw(in: folder, parts.last ?? path, format) { .value(mask.script(output: $0)) }
  }

  /// The pictures of several scripts as SVG, drawn by one process; nil where there was none to draw.
  func svg(_ scripts: [(PlotOutput) -> Known<String>]) throws(ReportingError) -> [String?] {
    let folder = FileManager.default.temporaryDirectory.path + "/attnbench-\(UUID().uuidString)"
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw .unwritable(file: folder, cause: error.localizedDescription)
    }
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let paths = scripts.indices.map { "\(folder)/\($0).svg" }
    let texts = zip(scripts, paths).compactMap { script, path in
      script(PlotOutput(path: path, format: .svg)).value
    }
    // A process for all: starting gnuplot takes longer than most pictures.
    try patient(texts.count).run(texts.joined(separator: "reset\n"), file: "\(folder)/all.gp")
    return paths.map { try? String(contentsOfFile: $0, encoding: .utf8) }
  }

  private func draw(
    in folder: String, _ name: String, _ format: ImageFormat,
    script: (PlotOutput) -> Known<String>
  ) throws(ReportingError) -> Known<String> {
    let unfinished = Self.unfinished(name, in: folder)
    switch script(PlotOutput(path: unfinished, format: format)) {
    case .absent(let reason): return .absent(reason: reason)
    case .value(let text):
      defer { unlink(unfinished) }
      try run(text, file: unfinished + ".gp")
      try finish(name, in: folder, format)
      return .value(name)
    }
  }

  /// Where a picture is drawn before it gets its name.
  private static func unfinished(_ name: String, in folder: String) -> String {
    "\(folder)/.\(name).unfinished"
  }

  /// Gives a drawn picture its name.
  private func finish(
    _ name: String, in folder: String, _ format: ImageFormat
  ) throws(ReportingError) {
    let unfinished = Self.unfinished(name, in: folder)
    if format == .svg { Self.sharpen(unfinished) }
    guard rename(unfinished, "\(folder)/\(name)") == 0 else {
      throw .unwritable(file: "\(folder)/\(name)", cause: String(cString: strerror(errno)))
    }
  }

  /// This renderer with time for `count` pictures.
  private func patient(_ count: Int) -> PlotRenderer {
    PlotRenderer(program: program, timeLimit: timeLimit + Double(count))
  }

  /// Runs a script, a long one from a `file` that is removed again: gnuplot reads a pipe letter by
  /// letter, which takes seconds for the matrix of a mask.
  private func run(_ script: String, file: String) throws(ReportingError) {
    guard script.utf8.count > 1 << 16 else { return try run(script) }
    do {
      try Data(script.utf8).write(to: URL(fileURLWithPath: file))
    } catch {
      throw .unwritable(file: file, cause: error.localizedDescription)
    }
    defer { unlink(file) }
    try run("load \(Escaping.gnuplotPath(file))\n")
  }

  /// Keeps the cells of an image apart: viewers smooth an enlarged image unless it says otherwise.
  private static func sharpen(_ path: String) {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8), text.contains("<image ")
    else { return }
    let sharp = text.replacingOccurrences(
      of: "<image ", with: "<image style='image-rendering:pixelated' ")
    try? sharp.write(toFile: path, atomically: true, encoding: .utf8)
  }

  /// Runs a gnuplot script to its end.
  public func run(_ script: String) throws(ReportingError) {
    var message = [CChar](repeating: 0, count: 2048)
    let status = gnuplot_bridge_run(program, script, timeLimit, &message, message.count)
    let bytes = message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:))
    let cause = Escaping.oneLine(String(decoding: bytes, as: UTF8.self))
    switch status {
    case GNUPLOT_BRIDGE_OK: return
    case GNUPLOT_BRIDGE_NOT_FOUND: throw .noGnuplot(cause: cause)
    case GNUPLOT_BRIDGE_REFUSED: throw .plotRefused(cause: cause)
    case GNUPLOT_BRIDGE_TIMED_OUT: throw .plotTimedOut(cause: cause)
    default: throw .plotSystem(cause: cause)
    }
  }
}
