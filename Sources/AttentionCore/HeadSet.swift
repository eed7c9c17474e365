// SPDX-License-Identifier: MIT

/// Heads by index, written `0` or `0,2`; `none` is empty.
public struct HeadSet: ParameterValue {
  public var heads: Set<Int>

  public init(_ heads: Set<Int> = []) {
    self.heads = heads
  }

  public static var parameterForm: String { "head numbers such as 0 or 0,2, or none" }

  public init?(parameterText: String) {
    guard let axes = AxisSet(parameterText: parameterText) else { return nil }
    heads = axes.axes
  }

  public var parameterText: String { AxisSet(heads).parameterText }
}
