// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionCore
import AttentionEngines
import Configuration
import Glibc
import Measurement
import ResultStore
import Simulator
import SuiteRunner
import TensorFiles

/// An error as the user sees it, with the exit code that DESIGN gives its kind.
struct Failure {
  let message: String
  let code: Int32

  init(_ error: any Error) {
    switch error {
    case let error as Refusal:
      message = error.message
      code = error.code
    case let error as MechanismError:
      message = error.hintedDescription
      code = 2
    case is ConfigurationFailure, is ShapeError, is TensorFileError, is SimulatorError,
      is AttentionSketchError:
      message = "\(error)"
      code = 2
    case let error as WorkerError:
      message = "\(error)"
      code = error.isUsage ? 2 : 1
    case let error as ResultStoreError:
      message = "\(error)"
      code = error.isBadInput ? 2 : 1
    case is EngineError, is MeasurementError:
      message = "\(error)"
      code = 1
    case let error as ExitCode:
      message = ""
      code = error.rawValue
    default:
      let parserCode = AttnBench.exitCode(for: error)
      message = AttnBench.fullMessage(for: error)
      // The parser reports bad usage as 64; this program's code for it is 2.
      code = parserCode == .validationFailure ? 2 : parserCode == .success ? 0 : 1
    }
  }

  func exit() -> Never {
    if code == 0 {
      print(message)
    } else if !message.isEmpty {
      let text = message.hasPrefix("Error:") ? message : "Error: " + message
      StandardError.note(text.shortened)
    }
    Glibc.exit(code)
  }
}

/// A refusal of the command itself: the message and the exit code.
struct Refusal: Error {
  let message: String
  let code: Int32

  /// Bad usage.
  static func usage(_ message: String) -> Refusal { Refusal(message: message, code: 2) }
}
