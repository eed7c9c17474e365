// SPDX-License-Identifier: MIT

import Foundation

/// A child process of some build of this program that times cases on request.
final class WorkerProcess {
  let binary: String
  private(set) var threads = 0
  private(set) var kernelTable = ""
  private let process = Process()
  private let requests: FileHandle
  private let answers: FileHandle
  private var buffer = Data()

  /// Longest silence of a worker [s]: the largest cases take seconds to make ready.
  private static let patience = 600
  /// How long a process that was asked to end may take [s].
  private static let secondsToEnd = 10.0

  /// Starts `binary`, which greets in its own time.
  ///
  /// - Throws: ``WorkerError`` if it cannot be run.
  init(binary: String, arguments: [String]) throws {
    self.binary = binary
    let input = Pipe()
    let output = Pipe()
    requests = input.fileHandleForWriting
    answers = output.fileHandleForReading
    process.executableURL = URL(fileURLWithPath: binary)
    process.arguments = ["measure-worker"] + arguments
    process.standardInput = input
    process.standardOutput = output
    // What a worker has to say is in its answers; an older build prints its usage here.
    process.standardError = FileHandle.nullDevice
    do {
      try process.run()
    } catch {
      throw WorkerError.notExecutable(binary: binary)
    }
  }

  /// Reads the greeting, which comes before any answer.
  ///
  /// - Throws: ``WorkerError`` if the process speaks another version or none.
  func awaitGreeting() throws {
    do {
      guard case .hello(let version, let threads, let table) = try nextReply() else {
        throw WorkerError.otherVersion(binary: binary, version: "no version")
      }
      guard version == WorkerProtocol.version else {
        throw WorkerError.otherVersion(binary: binary, version: version)
      }
      self.threads = threads
      kernelTable = table
    } catch WorkerError.ended(_, let ending) {
      throw WorkerError.noGreeting(binary: binary, ending: ending)
    } catch WorkerError.unreadableAnswer {
      end(asking: false)
      throw WorkerError.noGreeting(binary: binary, ending: "answered in another language")
    } catch {
      end(asking: false)
      throw error
    }
  }

  deinit {
    end(asking: true)
  }

  /// Sends `request` and waits for the answer.
  ///
  /// - Throws: ``WorkerError`` if the process has ended or says nothing for minutes.
  func ask(_ request: WorkerRequest) throws -> WorkerReply {
    try send(request)
    return try nextReply()
  }

  /// Sends `request`, whose answer ``nextReply()`` brings.
  ///
  /// - Throws: ``WorkerError/ended(binary:ending:)``.
  func send(_ request: WorkerRequest) throws {
    var line = try JSONEncoder().encode(request)
    line.append(UInt8(ascii: "\n"))
    do {
      try requests.write(contentsOf: line)
    } catch {
      throw WorkerError.ended(binary: binary, ending: ending)
    }
  }

  /// Waits for the answer to the oldest request that has none.
  ///
  /// - Throws: ``WorkerError`` if the process has ended or says nothing for minutes.
  func nextReply() throws -> WorkerReply {
    let line = try nextLine()
    do {
      return try WorkerReply(parsing: line)
    } catch {
      throw WorkerError.unreadableAnswer(
        binary: binary, answer: String(decoding: line.prefix(400), as: UTF8.self))
    }
  }

  private func nextLine() throws -> Data {
    var searched = buffer.startIndex
    while true {
      if let newline = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        let line = Data(buffer[buffer.startIndex..<newline])
        buffer = Data(buffer[buffer.index(after: newline)...])
        return line
      }
      searched = buffer.endIndex
      var watched = pollfd(
        fd: answers.fileDescriptor, events: Int16(POLLIN), revents: 0)
      let ready = poll(&watched, 1, Int32(Self.patience * 1000))
      if ready < 0, errno == EINTR { continue }
      guard ready > 0 else {
        end(asking: false)
        throw WorkerError.noAnswer(binary: binary, seconds: Self.patience)
      }
      let more = answers.availableData
      guard !more.isEmpty else { throw WorkerError.ended(binary: binary, ending: ending) }
      buffer.append(more)
      guard buffer.count <= WorkerProtocol.longestLine else {
        end(asking: false)
        throw WorkerError.unreadableAnswer(
          binary: binary, answer: String(decoding: buffer.prefix(200), as: UTF8.self))
      }
    }
  }

  /// How the process ended, in words that follow its name.
  private var ending: String {
    awaitEnd(seconds: Self.secondsToEnd)
    let status = process.terminationStatus
    return process.terminationReason == .exit
      ? "ended with code \(status)" : "was killed by signal \(status)"
  }

  private func end(asking: Bool) {
    if asking, process.isRunning, let line = try? JSONEncoder().encode(WorkerRequest.quit) {
      try? requests.write(contentsOf: line + [UInt8(ascii: "\n")])
    }
    try? requests.close()
    awaitEnd(seconds: asking ? Self.secondsToEnd : 0)
  }

  /// Waits until the process has ended, and ends it where it takes longer.
  ///
  /// It may have closed its pipes and live on, and may have inherited that other signals are blocked.
  private func awaitEnd(seconds: Double) {
    let end = Date(timeIntervalSinceNow: seconds)
    while process.isRunning, Date() < end { usleep(1_000) }
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }
}

/// The child's side of the conversation.
public struct WorkerConversation {
  private let worker: CaseWorker

  public init(_ worker: CaseWorker) {
    self.worker = worker
  }

  /// Greets, then answers one request per line until it is asked to quit or its input ends.
  ///
  /// - Throws: ``WorkerError/unreadableRequest(_:)`` for a line that is none.
  public func run() throws {
    try say(worker.greeting)
    while let line = readLine(strippingNewline: true) {
      let request = try WorkerRequest(parsing: Data(line.utf8))
      guard let reply = try worker.answer(request) else { return }
      try say(reply)
    }
  }

  private func say(_ reply: WorkerReply) throws {
    let encoder = JSONEncoder()
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    var line = try encoder.encode(reply)
    line.append(UInt8(ascii: "\n"))
    try FileHandle.standardOutput.write(contentsOf: line)
  }
}
