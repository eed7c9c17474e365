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
    let unfinished = "\(folder)/.\(name).unfinished"
    let output = PlotOutput(path: unfinished, format: format)
    guard case .value(let script) = report.plotScript(kind, output: output) else {
      return report.plotScript(kind, output: output).map { _ in name }
    }
    defer { unlink(unfinished) }
    try run(script)
    let target = "\(folder)/\(name)"
    guard rename(unfinished, target) == 0 else {
      throw .unwritable(file: target, cause: String(cString: strerror(errno)))
    }
    return .value(name)
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
