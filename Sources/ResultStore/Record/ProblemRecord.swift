// SPDX-License-Identifier: MIT

import AttentionCore

/// The mechanism of a case, with every parameter written out.
public struct MechanismRecord: Codable, Hashable, Sendable {
  public var id: String
  public var title: String
  public var family: MechanismFamily
  public var exactness: Exactness
  /// Every parameter as text; files list them by name.
  public var parameters: [String: String]
  /// The parameters that the suite or the command gave, as they were written; nil where that is
  /// not known.
  public var given: [String: String]?

  public init(
    id: String, title: String, family: MechanismFamily, exactness: Exactness,
    parameters: [String: String], given: [String: String]? = nil
  ) {
    self.id = id
    self.title = title
    self.family = family
    self.exactness = exactness
    self.parameters = parameters
    self.given = given
  }

  public init(
    card: MechanismCard, parameters: [String: String], given: [String: String]? = nil
  ) {
    self.init(
      id: card.id, title: card.title, family: card.family, exactness: card.exactness,
      parameters: parameters, given: given)
  }
}

/// The problem of a case: sizes, precision and the tensors that were used.
public struct ProblemRecord: Codable, Hashable, Sendable {
  public var shape: AttentionShape
  /// Precision of the mechanism's products, such as `f32`, `bf16` or `int8+bf16`.
  public var precision: String
  public var input: InputRecord

  public init(shape: AttentionShape, precision: String, input: InputRecord) {
    self.shape = shape
    self.precision = precision
    self.input = input
  }
}

/// Where the tensors came from.
public struct InputRecord: Codable, Hashable, Sendable {
  /// Kind such as `gaussian`, or the name of a captured data set; never a path.
  public var kind: String
  public var seed: UInt64
  /// Hash of the bytes of all input tensors, or the reason there is none.
  public var checksum: Known<String>

  public init(kind: String, seed: UInt64, checksum: Known<String>) {
    self.kind = kind
    self.seed = seed
    self.checksum = checksum
  }
}
