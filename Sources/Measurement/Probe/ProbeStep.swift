// SPDX-License-Identifier: MIT

import CPlatform

/// One thing that a probe measures, ready to run.
struct ProbeStep {
  enum Target {
    case compute(RoofLoop)
    case bandwidth(MemoryLevel, bytes: Int, copies: Bool)
  }

  let target: Target
  let threads: Int
  let work: any PinnedWork

  var label: String {
    let what =
      switch target {
      case .compute(let loop): "\(loop.kind.rawValue) \(loop.instructions.rawValue)"
      case .bandwidth(let level, _, let copies): "\(copies ? "copy" : "read") \(level.rawValue)"
      }
    return threads == 1 ? "\(what), 1 thread" : "\(what), \(threads) threads"
  }
}

struct ComputeWork: PinnedWork {
  let loop: RoofLoop
  let iterations: UInt64

  func run(thread: Int) -> Double { Double(loop.run(iterations: iterations).operations) }
}

struct BandwidthWork: PinnedWork {
  let arena: BandwidthArena
  let bytes: Int
  let copies: Bool
  let width: cplatform_width_t
  let passes: UInt64

  func repeated(_ passes: UInt64) -> Self {
    Self(arena: arena, bytes: bytes, copies: copies, width: width, passes: passes)
  }

  func run(thread: Int) -> Double {
    copies
      ? arena.copy(thread: thread, bytes: bytes, passes: passes, width: width)
      : arena.read(thread: thread, bytes: bytes, passes: passes, width: width)
  }
}

struct TouchWork: PinnedWork {
  let arena: BandwidthArena

  func run(thread: Int) -> Double {
    arena.touch(thread: thread)
    return 0
  }
}
