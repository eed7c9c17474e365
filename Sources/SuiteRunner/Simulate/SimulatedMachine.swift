// SPDX-License-Identifier: MIT

import AttentionCore
import ResultStore
import Simulator

/// Floors of a mechanism and of dense attention on one machine.
public struct SimulatedMachine: Encodable, Sendable {
  public let machine: String
  /// Dense floor over the mechanism's.
  public let rooflineBound: Quantity
  /// The ceiling that sets most of the mechanism's floor.
  public let bindingCeiling: Known<String>
  /// Precision of the mechanism's products / of dense attention's.
  public let precision: String
  public let densePrecision: String
  /// Floor of the mechanism [s].
  public let seconds: Double
  public let denseSeconds: Double
  /// The shortest power of two from which the mechanism's floor is below dense attention's.
  public let efficiencyLength: Known<Int>
  /// Classes of work without a rate on this machine; the floors leave them out.
  public let unpriced: [String]
  /// The same problem on several machines of this kind, where that is asked.
  public let sequenceParallel: Known<SimulatedDevices>?

  /// Lengths that are tried for ``efficiencyLength``: 16 to a million tokens.
  private static let lengths = (4...20).map { 1 << $0 }

  init(_ query: SimulationQuery, _ plans: LengthScan.Plans, on machine: Machine) throws {
    let own = try plans.mechanism.floor(on: machine)
    let dense = try plans.dense.floor(on: machine)
    self.machine = machine.id
    seconds = own.seconds
    denseSeconds = dense.seconds
    rooflineBound = CaseBounds.roofline(own, dense)
    bindingCeiling = own.binding.map { .value($0.label) } ?? .absent(reason: "nothing is priced")
    precision = plans.mechanism.precisionName(on: own)
    densePrecision = dense.repricedPrecision?.rawValue ?? plans.dense.precisionName
    unpriced = OperationClass.allCases.filter {
      own.unpriced.contains($0) || dense.unpriced.contains($0)
    }.map(\.rawValue)
    efficiencyLength =
      rooflineBound.value == nil
      ? .absent(reason: "there is no roofline bound") : Self.efficiencyLength(query, on: machine)
    sequenceParallel = try query.devices.map { group in
      guard !machine.links.isEmpty else {
        return .absent(reason: "the file of machine '\(machine.id)' has no links")
      }
      return .value(try SimulatedDevices(group, plan: plans.mechanism, on: machine))
    }
  }

  private static func efficiencyLength(
    _ query: SimulationQuery, on machine: Machine
  ) -> Known<Int> {
    guard query.shape.grid == nil else { return .absent(reason: "the grid fixes the length") }
    guard query.shape.isSelfAttention else {
      return .absent(reason: "queries and keys do not grow together")
    }
    let scan = LengthScan(machine: machine) { length in
      // Some parameters do not fit short sequences, and some counts do not fit 64 bits.
      guard
        let shape = try? query.shape.with(queryLength: length, keyLength: length),
        let plans = try? query.plans(at: shape)
      else { return nil }
      return plans
    }
    // Patterns are counted query by query: a million of them would take minutes.
    let isCountedByQuery = (try? query.plans(at: query.shape).mechanism.countsEveryQuery) ?? false
    let lengths = isCountedByQuery ? Self.lengths.filter { $0 <= 1 << 15 } : Self.lengths
    let lasting = lengths.reversed().prefix { length in
      (try? scan.point(at: length))?.flatMap { $0 }.map(\.isFaster) ?? false
    }
    guard let first = lasting.last else {
      let most = isCountedByQuery ? "32768" : "a million"
      return .absent(reason: "its floor is not below dense attention's at \(most) tokens")
    }
    return .value(first)
  }
}
