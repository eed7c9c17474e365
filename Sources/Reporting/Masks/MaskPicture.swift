// SPDX-License-Identifier: MIT

import AttentionCore

/// Who attends to whom under one mechanism, as a picture.
public struct MaskPicture: Sendable {
  public let title: String
  public let map: AttentionMap
  /// The query whose keys are shown on the grid or in detail.
  public let query: Int
  /// What has to be said below the title, or nil.
  public let note: String?
  /// Tokens of the case that the picture stands for, where that has more than the map; else nil.
  public let tokensOfCase: Int?

  /// - Requires: `query`, where given, is below the map's query length.
  public init(
    title: String, map: AttentionMap, query: Int? = nil, note: String? = nil,
    tokensOfCase: Int? = nil
  ) {
    self.title = title
    self.map = map
    self.query = query ?? Self.middle(map)
    self.note = note
    self.tokensOfCase = tokensOfCase
  }

  /// The token in the middle of the grid, or of the sequence.
  private static func middle(_ map: AttentionMap) -> Int {
    guard let grid = map.grid else { return map.queryLength / 2 }
    return grid.values.reduce(0) { $0 * $1 + $1 / 2 }
  }

  /// Title and note, which tell pictures apart.
  var heading: String { title + (note.map { "; \($0)" } ?? "") }

  /// The gnuplot script of the picture with its data inside.
  public func script(output: PlotOutput) -> String {
    MaskPlot.script(self, output: output)
  }

  /// Counts of pairs and tiles in words.
  public var facts: String {
    let all = map.queryLength * map.keyLength
    let share = NumberText.percent(Double(map.attendedPairs) / Double(all))
    let pairs =
      "\(NumberText.count(map.attendedPairs)) of \(NumberText.count(all)) pairs attended (\(share))"
    guard let tiles = map.tiles else { return pairs }
    let partial = tiles.visited - tiles.full
    return pairs
      + "; key tiles: \(NumberText.count(tiles.full)) full, \(NumberText.count(partial)) partial, "
      + "\(NumberText.count(tiles.total - tiles.visited)) skipped"
  }
}
