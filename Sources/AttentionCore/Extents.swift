// SPDX-License-Identifier: MIT

/// Sizes per axis of a token grid, written `30x48x80`, outermost axis first.
public struct Extents: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
  public var values: [Int]

  public init(_ values: [Int]) {
    self.values = values
  }

  public init(arrayLiteral elements: Int...) {
    values = elements
  }

  /// The extents written as `30x48x80`, or nil if `text` is anything else.
  public init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "x", omittingEmptySubsequences: false)
    let values = parts.compactMap { Int($0) }
    guard !parts.isEmpty, values.count == parts.count else { return nil }
    self.values = values
  }

  public var rank: Int { values.count }

  /// The product of all axes, or nil where it does not fit an `Int`.
  public var checkedCount: Int? {
    var product = 1
    for value in values {
      let (next, overflow) = product.multipliedReportingOverflow(by: value)
      guard !overflow else { return nil }
      product = next
    }
    return product
  }

  /// The product of all axes.
  public var count: Int { values.reduce(1, *) }

  public subscript(axis: Int) -> Int { values[axis] }

  /// The row-major coordinate of token `index`.
  public func coordinate(of index: Int) -> [Int] {
    var coordinate = [Int](repeating: 0, count: rank)
    var rest = index
    for axis in stride(from: rank - 1, through: 0, by: -1) {
      coordinate[axis] = rest % values[axis]
      rest /= values[axis]
    }
    return coordinate
  }

  public var description: String { values.map(String.init).joined(separator: "x") }
}

extension Extents: Codable {
  public init(from decoder: any Decoder) throws {
    values = try decoder.singleValueContainer().decode([Int].self)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(values)
  }
}
