// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import ResultStore

/// Times cases in several processes that take turns, block by block, in random order.
///
/// The partners of a turn lie milliseconds apart, whichever build they belong to, so that the drift
/// of the machine cancels in their ratio. Every pass has fresh processes with layouts of their own.
public final class LockstepSession {
  /// A build that takes part, under the name by which timers refer to it.
  public struct Participant: Hashable, Sendable {
    public let name: String
    public let binary: String

    public init(name: String, binary: String) {
      self.name = name
      self.binary = binary
    }
  }

  private let participants: [Participant]
  private let arguments: [String]
  /// A block calls its closure so often that it takes at least this long [ns].
  private let blockNanoseconds: Double
  private var generator: SplitMix64
  private var workers: [String: WorkerProcess] = [:]
  /// What the worker of each name has ready.
  private var prepared: [String: WorkerCase] = [:]
  /// Records of verified cases, by the participant's name and the case's id.
  public private(set) var records: [String: [String: CaseRecord]] = [:]
  /// The threads and kernel table of each participant that was started.
  public private(set) var facts: [String: String] = [:]

  /// A session without a process yet; each will have `threads` workers, nil taking every CPU.
  public init(
    _ participants: [Participant], threads: Int?, seed: Seed, blockMilliseconds: Double = 4
  ) {
    self.participants = participants
    arguments = threads.map { ["--threads", "\($0)"] } ?? []
    blockNanoseconds = blockMilliseconds * 1e6
    generator = SplitMix64(seed: seed.child("lockstep"))
  }

  /// Times every task once in fresh processes; `verifies` names the participants whose results and
  /// work are checked on the way.
  ///
  /// `isOver` is asked before each task; what is left then is not reached.
  ///
  /// - Throws: ``WorkerError`` if a participant cannot be run at all.
  public func pass(
    _ tasks: [LockstepTask], verifies: Set<String> = [], isOver: () -> Bool,
    finished: (Int) -> Void
  ) throws -> [LockstepResult] {
    defer { endWorkers() }
    try startWorkers(of: tasks)
    var results: [LockstepResult] = []
    for (index, task) in tasks.enumerated() {
      guard !isOver() else {
        results += tasks[index...].map { _ in .notReached }
        break
      }
      do {
        results.append(try measure(task, verifies: verifies))
      } catch let error as WorkerError {
        switch error {
        case .notExecutable, .noGreeting, .otherVersion: throw error
        case .ended, .noAnswer, .unreadableAnswer, .unreadableRequest, .nothingPrepared:
          // The others go on; a fresh process serves the next case.
          endWorkers()
          results.append(.broken(reason: "\(error)"))
        }
      }
      finished(index)
    }
    return results
  }

  private func measure(_ task: LockstepTask, verifies: Set<String>) throws -> LockstepResult {
    if let refused = try prepare(task, verifies: verifies) { return refused }
    var calls: [Int] = []
    for timer in task.timers {
      let once = try time(timer, calls: 1).nanosecondsPerCall
      calls.append(max(1, Int(min(1e6, (blockNanoseconds / max(once, 1)).rounded(.up)))))
    }
    calls = Self.shared(calls, among: task.timers)
    var samples: [[WorkerSample]] = task.timers.map { _ in [] }
    var order = Array(task.timers.indices)
    for _ in 0..<max(1, task.rounds) {
      shuffle(&order)
      for index in order {
        samples[index].append(try time(task.timers[index], calls: calls[index]))
      }
    }
    return .measured(samples)
  }

  /// Timers of the same thing have equal blocks, so that what surrounds a block weighs alike.
  private static func shared(_ calls: [Int], among timers: [LockstepTimer]) -> [Int] {
    timers.map { timer in
      zip(timers, calls).filter { $0.0.what == timer.what }.map(\.1).max() ?? 1
    }
  }

  /// Makes the case ready in every process of `task`, in all of them at the same time.
  ///
  /// Nothing is timed meanwhile. A process that has the case ready from the task before keeps it.
  private func prepare(
    _ task: LockstepTask, verifies: Set<String>
  ) throws -> LockstepResult? {
    var asked: [(name: String, worker: WorkerProcess)] = []
    for name in Self.names(of: [task]) where prepared[name] != task.item {
      let isNew = records[name]?[task.item.caseID] == nil
      let worker = try worker(name)
      prepared[name] = nil
      try worker.send(.prepare(item: task.item, verify: verifies.contains(name) && isNew))
      asked.append((name, worker))
    }
    var refused: LockstepResult?
    for (name, worker) in asked {
      switch try worker.nextReply() {
      case .ready(let record):
        keep(record, name, task.item.caseID)
        prepared[name] = task.item
      case .refused(let refusal, let record):
        keep(record, name, task.item.caseID)
        refused = refused ?? .refused(worker: name, refusal)
      case .hello, .sample:
        throw WorkerError.unreadableAnswer(binary: worker.binary, answer: "not about the case")
      }
    }
    return refused
  }

  private static func names(of tasks: [LockstepTask]) -> [String] {
    var names: [String] = []
    for timer in tasks.flatMap(\.timers) where !names.contains(timer.worker) {
      names.append(timer.worker)
    }
    return names
  }

  private func keep(_ record: CaseRecord?, _ name: String, _ caseID: String) {
    guard let record else { return }
    records[name, default: [:]][caseID] = record
  }

  private func time(_ timer: LockstepTimer, calls: Int) throws -> WorkerSample {
    let worker = try worker(timer.worker)
    // Helpers of the last process spin for a third of a millisecond before they park.
    usleep(500)
    let request = WorkerRequest.time(what: timer.what, calls: calls, slowdown: timer.slowdown)
    guard case .sample(let sample) = try worker.ask(request) else {
      throw WorkerError.unreadableAnswer(binary: worker.binary, answer: "not a time")
    }
    return sample
  }

  /// Starts the processes of `tasks` side by side.
  private func startWorkers(of tasks: [LockstepTask]) throws {
    let started = try Self.names(of: tasks).map { ($0, try start($0)) }
    for (name, worker) in started { try greet(worker, name) }
  }

  private func worker(_ name: String) throws -> WorkerProcess {
    if let worker = workers[name] { return worker }
    let worker = try start(name)
    try greet(worker, name)
    return worker
  }

  private func start(_ name: String) throws -> WorkerProcess {
    guard let participant = participants.first(where: { $0.name == name }) else {
      throw WorkerError.nothingPrepared
    }
    return try WorkerProcess(binary: participant.binary, arguments: arguments)
  }

  private func greet(_ worker: WorkerProcess, _ name: String) throws {
    try worker.awaitGreeting()
    facts[name] = "\(worker.threads) threads, kernels \(worker.kernelTable)"
    workers[name] = worker
  }

  private func endWorkers() {
    workers = [:]
    prepared = [:]
  }

  private func shuffle(_ order: inout [Int]) {
    for last in stride(from: order.count - 1, to: 0, by: -1) {
      order.swapAt(last, generator.integer(below: last + 1))
    }
  }
}
