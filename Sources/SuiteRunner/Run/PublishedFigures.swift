// SPDX-License-Identifier: MIT

import ResultStore
import Simulator

/// Simulated bounds beside the figures that a suite quotes from a paper.
public struct PublishedFigures {
  /// One sentence per figure that the simulation does not reproduce.
  public let differences: [String]

  /// Published tables round to two decimals or fewer; half a step of the last is allowed, plus
  /// half a step of the speed-up that end-to-end figures are computed from.
  private static let tolerance = 0.0101

  public init(suite: Suite, records: [CaseRecord]) {
    let cases = Dictionary(suite.cases.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    var differences: [String] = []
    for record in records {
      guard let item = cases[record.caseID] else { continue }
      for (name, published) in item.simulation.published.sorted(by: { $0.key < $1.key }) {
        let figure = Self.figure(name, record, item.simulation)
        guard let figure else {
          differences.append("\(record.caseID): no figure is called '\(name)'")
          continue
        }
        guard abs(figure - published) > Self.tolerance * max(1, published / 10) else { continue }
        differences.append(
          "\(record.caseID): \(name) is \(figure), published as \(published)")
      }
    }
    self.differences = differences
  }

  private static func figure(
    _ name: String, _ record: CaseRecord, _ simulation: SimulationRequest
  ) -> Double? {
    switch name {
    case "flopBound": record.bounds.flop.value
    case "tileBound": record.bounds.tile.value
    case "worstTileBound": record.bounds.worstTile.value
    case "endToEnd":
      record.bounds.worstTile.value.flatMap { worst in
        simulation.attentionShare.flatMap { share in
          try? EndToEnd(attentionShare: share).publishedSpeedUp(attention: worst)
        }
      }
    default: nil
    }
  }
}
