// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels

/// Where the visible and the forced blocks of a row unit end: known beforehand, so kept.
struct RowPlaces: BitwiseCopyable {
  let visible, firstEnd, nearStart, nearEnd: Int32

  /// Those of every row unit.
  static func all(_ stage: AttendSelected, _ geometry: SelectionGeometry) -> [RowPlaces] {
    (0..<geometry.rowCount).map { row in
      let forced = geometry.forcedBlocks(row: row, stage.forced)
      return RowPlaces(
        visible: Int32(geometry.visibleBlocks(row: row)), firstEnd: Int32(forced.first.upperBound),
        nearStart: Int32(forced.near.lowerBound), nearEnd: Int32(forced.near.upperBound))
    }
  }
}

/// The blocks of one row unit that compete, and those that are kept in any case.
struct RowCandidates {
  let visible: Int
  let forced: ForcedPlaces
  /// Whether forced blocks compete like all others.
  let forcedCompete: Bool
  /// Blocks that compete.
  let count: Int
  /// Blocks that must be scored, from block 0 on.
  let scored: Int
  let keepsAll: Bool

  /// With `skipsForced`, forced blocks at the end need no scores.
  init(_ places: RowPlaces, forcedCompete: Bool, keepsAll: Bool, skipsForced: Bool) {
    visible = Int(places.visible)
    forced = ForcedPlaces(
      first: 0..<Int(places.firstEnd), near: Int(places.nearStart)..<Int(places.nearEnd))
    self.forcedCompete = forcedCompete
    self.keepsAll = keepsAll
    count = keepsAll ? 0 : forcedCompete ? visible : visible - forced.count
    scored =
      skipsForced && places.nearEnd == places.visible && !forced.near.isEmpty
      ? forced.near.lowerBound : visible
  }

  func competes(_ block: Int) -> Bool { forcedCompete || !forced.contains(block) }

  /// Whether what competes lies in one piece between the forced blocks.
  var endsBeforeForced: Bool { forced.near.isEmpty || scored <= forced.near.lowerBound }

  /// Adds the forced blocks to a choice that lies at `place + start`, counted from block `start`;
  /// returns how many blocks there are.
  func complete(_ place: UnsafeMutablePointer<Int32>, start: Int, chosen: Int) -> Int {
    for block in forced.first { place[block] = Int32(block) }
    var count = start + chosen
    if start > 0 { for rank in start..<count { place[rank] += Int32(start) } }
    for block in forced.near {
      place[count] = Int32(block)
      count += 1
    }
    return count
  }

  /// Writes every visible block and returns how many there are.
  func all(_ place: UnsafeMutablePointer<Int32>) -> Int {
    for block in 0..<visible { place[block] = Int32(block) }
    return visible
  }
}

/// Applies a rule to the scores of one row unit.
final class RowCutter: @unchecked Sendable {
  private let rule: BlockRule
  private let kernels: attn_select_kernels_t
  private let keys: Workspace
  /// Up to this many winners are found by insertion, which needs no keys.
  private static let mostInserted = 8

  init(_ stage: AttendSelected, geometry: SelectionGeometry, context: ExecutionContext) {
    rule = stage.rule
    kernels = context.kernels.select
    keys = Workspace(bytesPerWorker: 8 * geometry.blockCount, workers: context.pool.count)
  }

  var bytes: Int { keys.bytes }

  /// Writes the chosen and the forced blocks to `place`, ascending, and returns how many.
  ///
  /// Blocks with a flag in `kept`, where there are any, are added to the choice.
  func choose(
    _ row: RowCandidates, _ scores: UnsafePointer<Float>, _ kept: UnsafePointer<Bool>?,
    worker: Int, into place: UnsafeMutablePointer<Int32>
  ) -> Int {
    if row.keepsAll { return row.all(place) }
    if case .top(let count) = rule.measure, kept == nil,
      rule.forcedTakePlaces || row.forced.count == 0
    {
      let wanted = min(max(count - row.forced.count, 0), row.count)
      if row.endsBeforeForced {
        return top(wanted, row, scores, place)
      }
      if wanted <= Self.mostInserted { return insert(wanted, row, scores, place) }
    }
    let cut = cut(row, scores, worker: worker)
    var count = 0
    for block in 0..<row.visible {
      let isChosen = row.competes(block) && RankKeys.key(scores[block], index: block) <= cut
      guard isChosen || row.forced.contains(block) || kept?[block] == true else { continue }
      place[count] = Int32(block)
      count += 1
    }
    return count
  }

  /// The last key that is kept; 0 keeps nothing, since no key is that small.
  private func cut(_ row: RowCandidates, _ scores: UnsafePointer<Float>, worker: Int) -> UInt64 {
    guard row.count > 0 else { return 0 }
    let memory = keys[worker].assumingMemoryBound(to: UInt64.self)
    var count = 0
    var total: UInt64 = 0
    var forcedWeight: UInt64 = 0
    let isMass: Bool
    if case .top = rule.measure { isMass = false } else { isMass = true }
    for block in 0..<row.scored {
      let score = scores[block]
      if isMass { total += RankKeys.weight(score) }
      guard row.competes(block), score > -.infinity else {
        if isMass { forcedWeight += RankKeys.weight(score) }
        continue
      }
      memory[count] = RankKeys.key(score, index: block)
      count += 1
    }
    guard count > 0 else { return 0 }
    return RuleCut(rule: rule, places: row.forced.count, total: total, forced: forcedWeight).key(
      UnsafeMutableBufferPointer(start: memory, count: count))
  }

  /// Keeps the `wanted` best of candidates that lie in one piece between the forced blocks.
  private func top(
    _ wanted: Int, _ row: RowCandidates, _ scores: UnsafePointer<Float>,
    _ place: UnsafeMutablePointer<Int32>
  ) -> Int {
    let first = row.forced.first.upperBound
    kernels.top(scores + first, Int32(row.count), Int32(wanted), place + first)
    return row.complete(place, start: first, chosen: wanted)
  }

  /// Keeps the `wanted` best by insertion in index order; a strict comparison keeps the lower index
  /// of equal scores.
  private func insert(
    _ wanted: Int, _ row: RowCandidates, _ scores: UnsafePointer<Float>,
    _ place: UnsafeMutablePointer<Int32>
  ) -> Int {
    var kept = 0
    var next = row.forced.first.upperBound
    while wanted > 0, next < row.scored {
      let block = next
      next += 1
      guard !row.forced.near.contains(block) else { continue }
      if kept == wanted {
        guard scores[block] > scores[Int(place[kept - 1])] else { continue }
        kept -= 1
      }
      var position = kept
      while position > 0, scores[Int(place[position - 1])] < scores[block] {
        place[position] = place[position - 1]
        position -= 1
      }
      place[position] = Int32(block)
      kept += 1
    }
    for block in row.forced.first {
      place[kept] = Int32(block)
      kept += 1
    }
    for block in row.forced.near {
      place[kept] = Int32(block)
      kept += 1
    }
    sort(place, count: kept)
    return kept
  }

  private func sort(_ place: UnsafeMutablePointer<Int32>, count: Int) {
    guard count > 1 else { return }
    for index in 1..<count {
      let value = place[index]
      var position = index
      while position > 0, place[position - 1] > value {
        place[position] = place[position - 1]
        position -= 1
      }
      place[position] = value
    }
  }
}

/// A rule applied to the keys of everything that competes.
struct RuleCut {
  let rule: BlockRule
  /// Forced blocks among everything; they take places of a top-k.
  let places: Int
  /// Weight of everything, forced blocks included.
  let total: UInt64
  let forced: UInt64

  /// The last key that is kept; 0 keeps nothing.
  func key(_ keys: UnsafeMutableBufferPointer<UInt64>) -> UInt64 {
    switch rule.measure {
    case .top(let count):
      let wanted = rule.forcedTakePlaces ? count - places : count
      guard wanted > 0 else { return 0 }
      return wanted >= keys.count ? .max : RankKeys.cut(top: wanted, keys)
    case .mass(let share):
      guard share < 1 else { return .max }
      let wanted = share * Double(total) - (rule.forcedTakePlaces ? Double(forced) : 0)
      return RankKeys.cut(weight: UInt64(max(wanted, 0).rounded(.up)), staysWithin: false, keys)
    case .massWithin(let share):
      guard share < 1 else { return .max }
      return RankKeys.cut(
        weight: UInt64((share * Double(total)).rounded(.down)), staysWithin: true, keys)
    case .above(let share):
      // Keys descend with scores: the least score above the threshold ends them.
      let least = UInt64((share * Double(total)).rounded(.down)) + 1
      return keys.reduce(0) {
        RankKeys.weight(RankKeys.score($1)) >= least ? max($0, $1) : $0
      }
    }
  }
}
