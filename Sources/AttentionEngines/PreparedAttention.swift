// SPDX-License-Identifier: MIT

import AttentionCore

/// A plan with everything allocated, ready to run any number of times.
///
/// `run` does not allocate, throw or lock; the output does not depend on the number of workers.
public protocol PreparedAttention: AnyObject {
  /// Bytes allocated for schedules and scratch [byte].
  var workspaceBytes: Int { get }
  /// Tiles of one head, where the engine works in tiles known before the data.
  var tiles: TileCounts? { get }
  /// What ``counts`` must be after a run, by closed form; nil until a selection is known.
  var expectedCounts: EngineCounts? { get }
  /// What the last run counted.
  var counts: EngineCounts { get }
  /// The blocks that the last run selected, where the mechanism selects.
  var selection: Selection? { get }

  /// - Requires: inputs and output have the extents of the plan's shape.
  func run(_ inputs: AttentionInputs, into output: Tensor<Float>)
  /// Does what ``run(_:into:)`` does before it attends, so that the choice can be timed by itself;
  /// false where nothing is selected.
  func select(_ inputs: AttentionInputs, into output: Tensor<Float>) -> Bool
}

extension PreparedAttention {
  public var tiles: TileCounts? { nil }
  public var selection: Selection? { nil }
  public func select(_ inputs: AttentionInputs, into output: Tensor<Float>) -> Bool { false }
}

/// A plan that no engine executes.
public enum EngineError: Error, Hashable, Sendable {
  case unsupportedPlan(String)
  case libraryFailure(library: String, call: String)
}

extension EngineError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unsupportedPlan(let reason): "no engine executes this plan: \(reason)"
    case .libraryFailure(let library, let call): "\(library) failed in \(call)"
    }
  }
}
