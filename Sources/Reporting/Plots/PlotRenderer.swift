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

  private func draw(
    in folder: String, _ name: String, _ format: ImageFormat,
    script: (PlotOutput) -> Known<String>
  ) throws(ReportingError) -> Known<String> {
    let unfinished = "\(folder)/.\(name).unfinished"
    switch script(PlotOutput(path: unfinished, format: format)) {
    case .absent(let reason): return .absent(reason: reason)
    case .value(let text):
      defer { unlink(unfinished) }
      try run(text)
      let target = "\(folder)/\(name)"
      guard rename(unfinished, target) == 0 else {
        throw .unwritable(file: target, cause: String(cString: strerror(errno)))
      }
      return .value(name)
    }
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
