// SPDX-License-Identifier: MIT

import ResultStore

/// One of the things that take turns in a task.
public struct LockstepTimer: Hashable, Sendable {
  /// Which of the session's processes times it.
  public var worker: String
  public var what: TimedThing
  /// Share of its own duration by which every call is made slower, to try out a gate.
  public var slowdown: Double

  public init(worker: String, what: TimedThing = .mechanism, slowdown: Double = 0) {
    self.worker = worker
    self.what = what
    self.slowdown = slowdown
  }
}

/// A case with the timers that take turns on it.
public struct LockstepTask: Sendable {
  public var item: WorkerCase
  public var timers: [LockstepTimer]
  /// Turns of every timer in one process.
  public var rounds: Int

  public init(item: WorkerCase, timers: [LockstepTimer], rounds: Int) {
    self.item = item
    self.timers = timers
    self.rounds = rounds
  }
}

/// What became of one task in one set of processes.
public enum LockstepResult: Sendable {
  /// Times of every timer, one per turn; equal places are adjacent in time.
  case measured([[WorkerSample]])
  /// The worker of this name does not time the case.
  case refused(worker: String, WorkerRefusal)
  /// A process ended or answered nonsense.
  case broken(reason: String)
  case notReached
}
