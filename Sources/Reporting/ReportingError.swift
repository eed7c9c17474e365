// SPDX-License-Identifier: MIT

/// A report or picture that could not be made.
public enum ReportingError: Error, Hashable, Sendable {
  case notEncodable(cause: String)
  case noGnuplot(cause: String)
  case plotRefused(cause: String)
  case plotTimedOut(cause: String)
  case plotSystem(cause: String)
  case nothingToDraw(reason: String)
  case badTemplate(name: String, cause: String)
  case unwritable(file: String, cause: String)
}

extension ReportingError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notEncodable(let cause): "the report cannot be written as JSON: \(cause)"
    case .noGnuplot(let cause): "no picture was drawn: \(cause)"
    case .plotRefused(let cause): "gnuplot refused a picture: \(cause)"
    case .plotTimedOut(let cause): "a picture was given up: \(cause)"
    case .plotSystem(let cause): "gnuplot could not be started: \(cause)"
    case .nothingToDraw(let reason): "no picture was drawn: \(reason)"
    case .badTemplate(let name, let cause): "the template '\(name)' cannot be used: \(cause)"
    case .unwritable(let file, let cause): "'\(file)' cannot be written: \(cause)"
    }
  }
}
