// SPDX-License-Identifier: MIT

/// A number of a machine with where it comes from.
public struct Sourced<Value: Hashable & Sendable>: Hashable, Sendable {
  public let value: Value
  public let quality: SourceQuality
  /// The document, page or measurement, and how the number follows from it.
  public let source: String

  public init(_ value: Value, quality: SourceQuality, source: String) {
    self.value = value
    self.quality = quality
    self.source = source
  }
}

extension Sourced: Codable where Value: Codable {}

/// How far a number can be trusted.
public enum SourceQuality: String, Hashable, Sendable, Codable, CaseIterable {
  /// Timed on the machine itself.
  case measured
  /// Stated by the maker.
  case vendor
  /// Stated by others who cite the maker or measured it.
  case secondary
  /// Computed from other numbers of these kinds.
  case derived
}
