// SPDX-License-Identifier: MIT

import Foundation
import ResultStore

/// The bounds of a suite's cases as tables for a terminal.
public struct SuiteBounds {
  private let records: [CaseRecord]
  private let machines: [String]

  public init(_ records: [CaseRecord]) {
    self.records = records
    var names: [String] = []
    for bound in records.flatMap(\.bounds.machines) where !names.contains(bound.machine) {
      names.append(bound.machine)
    }
    machines = names
  }

  public var columns: [String] {
    ["mechanism", "shape", "FLOP", "tile", "worst tile"] + machines
  }

  /// One row per case: bounds, and per machine the roofline bound with the ceiling that binds.
  public var rows: [[String]] {
    records.map { record in
      [
        Self.name(record), record.problem.shape.description, Self.text(record.bounds.flop),
        Self.text(record.bounds.tile), Self.text(record.bounds.worstTile),
      ] + machines.map { Self.text(record.bounds.bound(on: $0)) }
    }
  }

  public static let publishedColumns = [
    "mechanism", "figure", "simulated", "published", "reproduced", "measured elsewhere",
  ]

  /// One row per figure that the suite quotes.
  public var publishedRows: [[String]] {
    records.flatMap { record in
      (record.published ?? []).map { figure in
        [
          Self.name(record), figure.name, Self.text(figure.simulated), figure.published,
          figure.isReproduced ? "yes" : "NO",
          figure.measured.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            .joined(separator: ", "),
        ]
      }
    }
  }

  private static func name(_ record: CaseRecord) -> String {
    let parameters = (record.mechanism.given ?? [:]).sorted { $0.key < $1.key }
      .map { "\($0.key)=\($0.value)" }
    return ([record.mechanism.id] + parameters).joined(separator: " ")
  }

  private static func text(_ quantity: Quantity) -> String {
    quantity.value.map { String(format: "%.4g", $0) } ?? "n/a"
  }

  private static func text(_ bound: Known<MachineBound>) -> String {
    guard let bound = bound.value else { return "n/a" }
    return [text(bound.roofline), bound.bindingCeiling.value].compactMap { $0 }
      .joined(separator: " ")
  }
}
