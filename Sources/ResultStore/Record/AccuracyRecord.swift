// SPDX-License-Identifier: MIT

import AttentionCore

/// Whether the kernel is right, and how far the mechanism is from dense softmax attention.
public struct AccuracyRecord: Codable, Hashable, Sendable {
  public var oracle: Known<OracleError>
  public var dense: Known<DenseError>
  /// What a selection kept; nil where nothing is selected.
  public var selection: SelectionRecord?

  public init(
    oracle: Known<OracleError>, dense: Known<DenseError>, selection: SelectionRecord? = nil
  ) {
    self.oracle = oracle
    self.dense = dense
    self.selection = selection
  }
}

/// How much of dense attention a selection kept, at the case's own size and inputs.
public struct SelectionRecord: Codable, Hashable, Sendable {
  /// Attended pairs over the pairs that causality allows.
  public var selectionShare: Double
  /// Mean share of a row's dense softmax weights that falls on selected keys.
  public var attentionMassKept: Double
  /// The least share of any compared row.
  public var worstRowMassKept: Double
  /// Rows of each head whose weights were added up.
  public var rows: Int

  public init(
    selectionShare: Double, attentionMassKept: Double, worstRowMassKept: Double, rows: Int
  ) {
    self.selectionShare = selectionShare
    self.attentionMassKept = attentionMassKept
    self.worstRowMassKept = worstRowMassKept
    self.rows = rows
  }
}

/// Error of the kernel against the mechanism's own definition in Double.
public struct OracleError: Codable, Hashable, Sendable {
  /// The sizes at which the comparison was made.
  public var shape: AttentionShape
  public var maxAbsolute: Double
  public var relativeL2: Double
  /// Largest relative L2 error of one output row.
  public var worstRow: Double
  public var passed: Bool
  /// What ``relativeL2`` may reach.
  public var tolerance: Double
  public var toleranceReason: String

  public init(
    shape: AttentionShape, maxAbsolute: Double, relativeL2: Double, worstRow: Double,
    passed: Bool, tolerance: Double, toleranceReason: String
  ) {
    self.shape = shape
    self.maxAbsolute = maxAbsolute
    self.relativeL2 = relativeL2
    self.worstRow = worstRow
    self.passed = passed
    self.tolerance = tolerance
    self.toleranceReason = toleranceReason
  }
}

/// Distance of the mechanism's output from dense softmax attention in Double.
public struct DenseError: Codable, Hashable, Sendable {
  /// The sizes at which the comparison was made.
  public var shape: AttentionShape
  /// Output rows compared; fewer than all where dense attention in Double would take too long.
  public var rows: Int
  public var cosine: Double
  /// `sum |O - O'| / sum |O|`.
  public var relativeL1: Double
  public var rmse: Double
  /// Lowest cosine of one head.
  public var worstHeadCosine: Quantity
  /// Lowest cosine of one output row.
  public var worstRowCosine: Quantity

  public init(
    shape: AttentionShape, rows: Int, cosine: Double, relativeL1: Double, rmse: Double,
    worstHeadCosine: Quantity, worstRowCosine: Quantity
  ) {
    self.shape = shape
    self.rows = rows
    self.cosine = cosine
    self.relativeL1 = relativeL1
    self.rmse = rmse
    self.worstHeadCosine = worstHeadCosine
    self.worstRowCosine = worstRowCosine
  }
}
