// SPDX-License-Identifier: MIT

import ResultStore

/// The pictures that a report has.
public enum PlotKind: String, CaseIterable, Sendable {
  case bars
  case pareto
  case roofline
  case speedUp = "speed-up"
  case time = "time"
  case prediction
  case boundMap = "bound-map"
  case boundLength = "bound-length"

  public var title: String {
    switch self {
    case .bars: "Bound and measured speed-up, case by case"
    case .pareto: "Accuracy against speed"
    case .roofline: "Roofline of the host with every case"
    case .speedUp: "Measured speed-up against roofline bound"
    case .time: "Time against sequence length"
    case .prediction: "Measured time against roofline floor"
    case .boundMap: "Roofline bound by mechanism and machine"
    case .boundLength: "Roofline bound against sequence length"
    }
  }

  public func fileName(_ format: ImageFormat) -> String { "\(rawValue).\(format.rawValue)" }
}

public enum ImageFormat: String, CaseIterable, Sendable {
  case svg
  case png
}

/// Where gnuplot draws, and in which format.
public struct PlotOutput: Hashable, Sendable {
  public let path: String
  public let format: ImageFormat

  public init(path: String, format: ImageFormat) {
    self.path = path
    self.format = format
  }
}

extension Report {
  /// The gnuplot script of a picture with its data inside, or why there is nothing to draw.
  public func plotScript(_ kind: PlotKind, output: PlotOutput) -> Known<String> {
    switch kind {
    case .bars: BarsPlot.script(self, output: output)
    case .pareto: ParetoPlot.script(self, output: output)
    case .roofline: RooflinePlot.script(self, output: output)
    case .speedUp: SpeedUpPlot.script(self, output: output)
    case .time: TimePlot.script(self, output: output)
    case .prediction: PredictionPlot.script(self, output: output)
    case .boundMap: BoundMapPlot.script(self, output: output)
    case .boundLength: BoundLengthPlot.script(self, output: output)
    }
  }
}
