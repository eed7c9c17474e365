// SPDX-License-Identifier: MIT

import ResultStore
import Simulator

/// Simulated bounds beside the figures that a suite quotes from a paper.
public struct PublishedFigures {
  /// One sentence per figure that the simulation does not reproduce to its last printed digit.
  public let differences: [String]

  public init(suite: Suite, records: [CaseRecord]) {
    let cases = Dictionary(suite.cases.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    differences = records.flatMap { record -> [String] in
      guard let simulation = cases[record.caseID]?.simulation else { return [] }
      return simulation.figures(beside: record.bounds).filter { !$0.isReproduced }.map { figure in
        let simulated =
          switch figure.simulated {
          case .value(let value): "\(value)"
          case .absent(let reason): "not there (\(reason))"
          }
        return "\(record.caseID): \(figure.name) is \(simulated), published as \(figure.published)"
      }
    }
  }
}

extension SimulationRequest {
  /// Adds to a simulated record what the suite asks beyond the bounds of the plan: the end-to-end
  /// bound and the quoted figures.
  func complete(_ record: inout CaseRecord) {
    record.bounds.endToEnd = attentionShare.map { share in
      record.bounds.worstTile.flatMap { endToEnd(share, $0) { $0.speedUp(attention: $1) } }
    }
    let figures = figures(beside: record.bounds)
    record.published = figures.isEmpty ? nil : figures
  }

  /// The quoted figures beside those of `bounds`; measured speed-ups stand with the bound on the
  /// operation.
  func figures(beside bounds: BoundsRecord) -> [PublishedFigure] {
    FigureName.allCases.compactMap { name in
      guard let text = published[name] else { return nil }
      return PublishedFigure(
        name: name.rawValue, simulated: figure(name, bounds), published: text,
        measured: name == .worstTileBound ? measured : [:])
    }
  }

  private func figure(_ name: FigureName, _ bounds: BoundsRecord) -> Quantity {
    switch name {
    case .flopBound: return bounds.flop
    case .tileBound: return bounds.tile
    case .worstTileBound: return bounds.worstTile
    case .endToEnd:
      guard let attentionShare else {
        return .absent(reason: "the suite gives no 'attentionShare'")
      }
      return bounds.worstTile.flatMap {
        endToEnd(attentionShare, $0) { $0.publishedSpeedUp(attention: $1) }
      }
    }
  }

  private func endToEnd(
    _ share: Double, _ bound: Double, _ speedUp: (EndToEnd, Double) -> Double
  ) -> Quantity {
    do {
      return .value(speedUp(try EndToEnd(attentionShare: share), bound))
    } catch {
      return .absent(reason: error.description)
    }
  }
}
