// SPDX-License-Identifier: MIT

import AttentionCore

/// One or several extents, written `3x3x3` or `3x3x5,1x5x7`.
public struct ExtentsList: ParameterValue {
  public var items: [Extents]

  public init(_ items: [Extents]) {
    self.items = items
  }

  public static var parameterForm: String { "whole numbers per axis such as 3x3x3 or 3x3x5,1x5x7" }

  public init?(parameterText: String) {
    let parts = parameterText.split(separator: ",", omittingEmptySubsequences: false)
    let items = parts.compactMap { Extents($0) }
    guard items.count == parts.count else { return nil }
    self.items = items
  }

  public var parameterText: String { items.map(\.description).joined(separator: ",") }
}
