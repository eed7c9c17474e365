// SPDX-License-Identifier: MIT

import Comparison

/// Something that gets a verdict: a case, or a control on a case.
struct GateSubject {
  enum Kind: Equatable {
    case item
    case control(ControlResult.Kind)
  }

  /// The names of the processes of a session.
  enum Role {
    static let base = "base"
    static let head = "head"
    /// A second process of the build that controls are measured on.
    static let again = "again"
  }

  let kind: Kind
  let specification: CaseSpecification
  let timers: [LockstepTimer]
  private let isInterleaved: Bool
  private let yardstick: Yardstick
  private let storedPairs: [PairedTimes]

  init(_ kind: Kind, _ item: CaseSpecification, plan: GatePlan) {
    self.kind = kind
    specification = item
    yardstick = Yardstick(mechanism: item.mechanismID)
    let slowdown = Self.slowdown(kind, item, plan: plan)
    switch plan.baseline {
    case .build:
      isInterleaved = true
      storedPairs = []
      let judged = kind == .item ? Role.head : Role.again
      timers = [
        LockstepTimer(worker: judged, slowdown: slowdown), LockstepTimer(worker: Role.base),
      ]
    case .stored(let runs):
      isInterleaved = false
      let judged = kind == .item ? Role.head : Role.again
      var timers = Self.timers(judged, slowdown: slowdown, yardstick: yardstick)
      if kind == .item {
        storedPairs = runs.pairs(of: item.id)
      } else {
        storedPairs = []
        timers += Self.timers(Role.head, slowdown: 0, yardstick: yardstick)
      }
      self.timers = timers
    }
  }

  /// Mechanism, yardstick, and the peak by which `flash` is watched where it is the yardstick.
  private static func timers(
    _ worker: String, slowdown: Double, yardstick: Yardstick
  ) -> [LockstepTimer] {
    var timers = [LockstepTimer(worker: worker, slowdown: slowdown)]
    if yardstick == .flash { timers.append(LockstepTimer(worker: worker, what: .flash)) }
    return timers + [LockstepTimer(worker: worker, what: .peak)]
  }

  private static func slowdown(
    _ kind: Kind, _ item: CaseSpecification, plan: GatePlan
  ) -> Double {
    switch kind {
    case .control(.planted): return plan.plantedSlowdown
    case .control(.same): return 0
    case .item:
      guard let plant = plan.plant, plant.concerns(item.id) else { return 0 }
      return plant.share
    }
  }

  /// The pairs of all passes of a round as evidence.
  func evidence(_ passes: [[[WorkerSample]]]) -> TimeEvidence {
    if isInterleaved { return .interleaved(passes.map { Self.pairs($0[0], $0[1]) }) }
    // Mechanism and yardstick stand at the first two places of each side.
    let side = timers.count / (kind == .item ? 1 : 2)
    let judged = passes.map { Self.pairs($0[0], $0[1]) }
    let base = kind == .item ? storedPairs : passes.map { Self.pairs($0[side], $0[side + 1]) }
    return .chained(base: base, head: judged, yardstick: yardstick.title)
  }

  /// `flash` over the peak beside it; nil where neither was timed apart from the case itself.
  func flashOverPeak(_ passes: [[[WorkerSample]]]) -> PairedTimes? {
    guard !isInterleaved, kind == .item, yardstick == .flash, let pass = passes.first else {
      return nil
    }
    return Self.pairs(pass[1], pass[2])
  }

  private static func pairs(_ top: [WorkerSample], _ bottom: [WorkerSample]) -> PairedTimes {
    PairedTimes(
      numerators: top.map(\.nanosecondsPerCall), denominators: bottom.map(\.nanosecondsPerCall),
      disturbedNumerators: top.indices.filter { top[$0].isDisturbed },
      disturbedDenominators: bottom.indices.filter { bottom[$0].isDisturbed })
  }
}
