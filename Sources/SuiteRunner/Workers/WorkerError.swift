// SPDX-License-Identifier: MIT

/// A timing process that cannot be used.
public enum WorkerError: Error, Hashable, Sendable {
  case notExecutable(binary: String)
  /// The process ended before it said which version it speaks.
  case noGreeting(binary: String, ending: String)
  case otherVersion(binary: String, version: String)
  /// The process ended while a case was prepared or timed.
  case ended(binary: String, ending: String)
  case noAnswer(binary: String, seconds: Int)
  case unreadableAnswer(binary: String, answer: String)
  case unreadableRequest(String)
  case nothingPrepared

  /// Whether another binary would help, rather than another try.
  public var isUsage: Bool {
    switch self {
    case .notExecutable, .noGreeting, .otherVersion: true
    case .ended, .noAnswer, .unreadableAnswer, .unreadableRequest, .nothingPrepared: false
    }
  }
}

extension WorkerError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notExecutable(let binary):
      "'\(binary)' is no program that can be run; give the path of an attnbench binary"
    case .noGreeting(let binary, let ending):
      "'\(binary)' cannot be timed: it \(ending) at once and speaks no "
        + "\(WorkerProtocol.version). If it is an older attnbench, run both builds on the suite and "
        + "use 'attnbench compare'"
    case .otherVersion(let binary, let version):
      "'\(binary)' speaks '\(version)', this program \(WorkerProtocol.version); build both from "
        + "nearer commits, or run both on the suite and use 'attnbench compare'"
    case .ended(let binary, let ending):
      "the process of '\(binary)' \(ending)"
    case .noAnswer(let binary, let seconds):
      "the process of '\(binary)' gave no answer for \(seconds) s"
    case .unreadableAnswer(let binary, let answer):
      "the process of '\(binary)' gave an answer that is none: \(answer.prefix(200))"
    case .unreadableRequest(let request):
      "this is no request of \(WorkerProtocol.version): \(request.prefix(200))"
    case .nothingPrepared:
      "a case must be prepared before it is timed"
    }
  }
}
