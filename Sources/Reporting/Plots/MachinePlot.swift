// SPDX-License-Identifier: MIT

import ResultStore

/// The roofs of one machine as a picture.
public struct MachinePlot: Hashable, Sendable {
  public let title: String
  public let ceilings: HostCeilings

  public init(title: String, ceilings: HostCeilings) {
    self.title = title
    self.ceilings = ceilings
  }

  /// The gnuplot script of the picture with its data inside, or why there is nothing to draw.
  public func script(output: PlotOutput) -> Known<String> {
    RooflinePlot.script(self, output: output)
  }
}
