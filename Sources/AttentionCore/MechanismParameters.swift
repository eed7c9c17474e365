// SPDX-License-Identifier: MIT

/// Typed parameters of one mechanism, each with the paper's default.
public protocol MechanismParameters: Hashable, Sendable {
  init()
  static var fields: [ParameterField<Self>] { get }
}

/// Parameters of a mechanism that has none.
public struct NoParameters: MechanismParameters {
  public static let fields: [ParameterField<NoParameters>] = []

  public init() {}
}

/// Name, meaning and text form of one parameter.
public struct ParameterField<Parameters: MechanismParameters>: Sendable {
  public let name: String
  public let meaning: String
  /// What a value looks like, such as `true or false`.
  public let form: String
  /// Whether the parameter can change the result; otherwise it changes the speed only.
  public let changesResult: Bool
  let read: @Sendable (Parameters) -> String
  let write: @Sendable (inout Parameters, String) -> Bool

  /// A parameter with its own text form.
  public init<Value: ParameterValue>(
    _ name: String, _ path: WritableKeyPath<Parameters, Value> & Sendable, _ meaning: String,
    changesResult: Bool = true
  ) {
    self.name = name
    self.meaning = meaning
    self.changesResult = changesResult
    form = Value.parameterForm
    read = { $0[keyPath: path].parameterText }
    write = { parameters, text in
      guard let value = Value(parameterText: text) else { return false }
      parameters[keyPath: path] = value
      return true
    }
  }
}

extension MechanismParameters {
  /// The defaults with `overrides` written over them.
  ///
  /// - Throws: ``MechanismError/unknownParameter(name:mechanism:known:)`` or
  ///   ``MechanismError/malformedParameter(name:text:expected:)``.
  public init(overrides: [String: String], mechanism: String) throws(MechanismError) {
    self.init()
    for (name, text) in overrides.sorted(by: { $0.key < $1.key }) {
      guard let field = Self.fields.first(where: { $0.name == name }) else {
        throw .unknownParameter(
          name: name, mechanism: mechanism, known: Self.fields.map(\.name))
      }
      guard field.write(&self, text) else {
        throw .malformedParameter(name: name, text: text, expected: field.form)
      }
    }
  }

  /// Every parameter as text, in declaration order.
  public var texts: [(name: String, text: String)] {
    Self.fields.map { ($0.name, $0.read(self)) }
  }
}

/// A value that can be written in a suite file or after `--set`.
public protocol ParameterValue: Hashable, Sendable {
  static var parameterForm: String { get }
  init?(parameterText: String)
  var parameterText: String { get }
}

extension Int: ParameterValue {
  public static var parameterForm: String { "a whole number below 2^31" }

  /// Numbers of 32 bits: no problem has larger sizes, and their products fit.
  public init?(parameterText: String) {
    guard let value = Int32(parameterText) else { return nil }
    self = Int(value)
  }

  public var parameterText: String { String(self) }
}

extension Double: ParameterValue {
  public static var parameterForm: String { "a finite number" }

  public init?(parameterText: String) {
    guard let value = Double(parameterText), value.isFinite else { return nil }
    self = value
  }

  public var parameterText: String { String(self) }
}

extension Bool: ParameterValue {
  public static var parameterForm: String { "true or false" }
  public init?(parameterText: String) { self.init(parameterText) }
  public var parameterText: String { String(self) }
}

extension Extents: ParameterValue {
  public static var parameterForm: String { "whole numbers per axis such as 7x7" }

  /// Axes of 32 bits, as for single numbers.
  public init?(parameterText: String) {
    self.init(parameterText)
    guard values.allSatisfy({ Int32(exactly: $0) != nil }) else { return nil }
  }

  public var parameterText: String { description }
}

/// Axes of a grid by index, outermost 0, written `0` or `0,2`; `none` is empty.
public struct AxisSet: ParameterValue {
  public var axes: Set<Int>

  public init(_ axes: Set<Int> = []) {
    self.axes = axes
  }

  public static var parameterForm: String { "axis numbers such as 0 or 0,2, or none" }

  public init?(parameterText: String) {
    guard parameterText != "none" else {
      axes = []
      return
    }
    let parts = parameterText.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Int($0) }
    guard numbers.count == parts.count, Set(numbers).count == numbers.count else { return nil }
    axes = Set(numbers)
  }

  public var parameterText: String {
    axes.isEmpty ? "none" : axes.sorted().map(String.init).joined(separator: ",")
  }
}

/// A parameter that is one of a few words: conform a String-backed, case-iterable enum.
public protocol ParameterChoice: ParameterValue, CaseIterable, RawRepresentable<String> {}

extension ParameterChoice {
  public static var parameterForm: String {
    "one of " + allCases.map(\.rawValue).joined(separator: ", ")
  }
  public init?(parameterText: String) { self.init(rawValue: parameterText) }
  public var parameterText: String { rawValue }
}
