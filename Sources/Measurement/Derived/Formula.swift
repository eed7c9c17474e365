// SPDX-License-Identifier: MIT

/// An arithmetic expression over named quantities, such as `products / seconds / 1e9`.
///
/// It can only add, subtract, multiply, divide and take a minimum or maximum: a formula in a file
/// can do nothing else, and its evaluation always ends.
public struct Formula: Hashable, Sendable {
  public let text: String
  /// Every name that occurs, in order of first occurrence.
  public let names: [String]
  private let root: Node

  indirect enum Node: Hashable, Sendable {
    case number(Double)
    case name(String)
    case negated(Node)
    case binary(Operation, Node, Node)
  }

  enum Operation: Hashable, Sendable {
    case add, subtract, multiply, divide, minimum, maximum
  }

  /// Reads `text`, whose names must be among `known`.
  ///
  /// - Throws: ``MeasurementError/badFormula(_:position:problem:)``.
  public init(_ text: String, known: [String]) throws(MeasurementError) {
    var parser = FormulaParser(text: text, known: known)
    root = try parser.parse()
    self.text = text
    names = parser.names
  }

  /// The value, or the reason there is none.
  ///
  /// A missing quantity makes the whole formula absent for its reason; so do a division by zero
  /// and a result that is not finite.
  public func value(of quantity: (String) -> CounterValue) -> CounterValue {
    do {
      let result = try evaluate(root, quantity)
      guard result.isFinite else { return .absent(reason: "'\(text)' is not a finite number") }
      return .real(result)
    } catch {
      return .absent(reason: error.reason)
    }
  }

  private struct Absence: Error {
    let reason: String
  }

  private func evaluate(
    _ node: Node, _ quantity: (String) -> CounterValue
  ) throws(Absence) -> Double {
    switch node {
    case .number(let number): return number
    case .negated(let inner): return -(try evaluate(inner, quantity))
    case .name(let name):
      let value = quantity(name)
      guard let number = value.number else {
        throw Absence(reason: "\(name): \(value.absence ?? "unknown")")
      }
      return number
    case .binary(let operation, let first, let second):
      let left = try evaluate(first, quantity)
      let right = try evaluate(second, quantity)
      switch operation {
      case .add: return left + right
      case .subtract: return left - right
      case .multiply: return left * right
      case .minimum: return min(left, right)
      case .maximum: return max(left, right)
      case .divide:
        guard right != 0 else { throw Absence(reason: "'\(text)' divides by zero") }
        return left / right
      }
    }
  }
}
