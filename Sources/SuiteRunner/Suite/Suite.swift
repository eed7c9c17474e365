// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionMechanisms
import Configuration

/// A suite file, checked: every case has a mechanism that accepts its parameters at its shape.
public struct Suite: Sendable {
  public enum Mode: String, Sendable, CaseIterable {
    /// Verify, simulate and measure.
    case measure
    /// Bounds only.
    case simulate
  }

  public let name: String
  public let title: String
  public let mode: Mode
  public let seed: Seed
  /// Machines whose bounds every row shows; `host` is measured.
  public let machines: [String]
  public let timing: SuiteTiming
  public let cases: [CaseSpecification]
  /// The text that it was read from.
  public let text: String
}

/// How long and how precisely a suite measures.
public struct SuiteTiming: Hashable, Sendable {
  /// Width of the 95 % interval of a speed-up at which a case is done, as a share.
  public var targetWidth = 0.01
  public var minimumRounds = 7
  public var maximumRounds = 200
  /// Longest time for the samples of one case [s].
  public var secondsPerCase = 10.0
  /// Whether timed calls find their tensors in a cache; a case is timed in one mode only.
  public var cache = CacheMode.warm
  /// Processes that take the rounds of a case, one after the other.
  ///
  /// Where a process's memory happens to lie moves a time by more than its samples tell, so a
  /// verdict needs several.
  public var processes = 1
  /// Samples of the mechanism alone, back to back, for its share of the peak; 0 takes those beside
  /// the baseline.
  ///
  /// A baseline of half a second leaves a kernel of ten milliseconds few samples, each with caches
  /// full of something else.
  public var peakSamples = 0

  public init() {}
}

/// One row of a report before anything is known about it.
public struct CaseSpecification: Sendable {
  /// Stable and readable: mechanism, parameters, shape and input.
  public let id: String
  public let mechanismID: String
  public let overrides: [String: String]
  public let shape: AttentionShape
  public let input: InputSpecification
  public let mechanism: any AttentionMechanism
  /// The card of the catalogue's line, which may be a preset of the mechanism.
  public let card: MechanismCard
  /// Where the suite names it; nil for cases made on the command line.
  public let place: ConfigurationPlace?
  public let simulation: SimulationRequest
  /// How it is timed; cold cases have ids of their own, so that the modes never mix.
  public let cache: CacheMode

  public init(
    mechanismID: String, overrides: [String: String], shape: AttentionShape,
    input: InputSpecification, simulation: SimulationRequest = SimulationRequest(),
    cache: CacheMode = .warm, place: ConfigurationPlace? = nil
  ) throws(MechanismError) {
    let entry = try MechanismCatalogue.entry(mechanismID)
    mechanism = try entry.make(overrides, shape: shape)
    card = entry.card
    self.mechanismID = mechanismID
    self.overrides = overrides
    self.shape = shape
    self.input = input
    self.simulation = simulation
    self.cache = cache
    self.place = place
    id =
      Self.makeID(mechanismID, overrides, shape, input, simulation)
      + (cache == .cold ? "/cold" : "")
  }

  private static func makeID(
    _ mechanism: String, _ overrides: [String: String], _ shape: AttentionShape,
    _ input: InputSpecification, _ simulation: SimulationRequest
  ) -> String {
    let parameters = overrides.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let shapeText = shape.description.split(separator: " ").joined(separator: ",")
    let head = parameters.isEmpty ? mechanism : "\(mechanism)[\(parameters.joined(separator: ","))]"
    return "\(head)@\(shapeText)/\(input.name)" + simulation.idSuffix
  }
}

/// What a simulated case asks beyond the plan itself.
public struct SimulationRequest: Hashable, Sendable {
  /// Query and key tiles of the simulated kernel; nil takes this project's own.
  public var queryTile: Extents?
  public var keyTile: Extents?
  /// Share of the model's time that attention takes, and of the steps that use the mechanism.
  public var attentionShare: Double?
  /// Published figures to stand beside the simulated ones, with the digits that were printed.
  public var published: [FigureName: String] = [:]
  /// Speed-ups of the operation that others measured, by machine.
  public var measured: [String: Double] = [:]

  public init() {}

  var idSuffix: String {
    guard let queryTile, let keyTile else { return "" }
    return "/tiles=\(queryTile):\(keyTile)"
  }
}

/// A simulated figure that a suite may quote from elsewhere.
public enum FigureName: String, Hashable, Sendable, CaseIterable {
  case flopBound, tileBound, worstTileBound
  /// Speed-up of the whole model, from the worst-tile bound rounded to one decimal.
  case endToEnd
}
