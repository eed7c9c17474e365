// SPDX-License-Identifier: MIT

/// How many edits lie between two words, and which known word was meant.
package enum EditDistance {
  /// The known word nearest to `word`, or `nil` if none is near enough to be meant.
  ///
  /// At most a third of the longer word may differ, and always one letter. Letter case decides only
  /// between words that are otherwise equally near, then the order of `known`.
  package static func nearest(to word: String, among known: [String]) -> String? {
    guard word.utf8.count <= longest else { return nil }
    let exact = Array(word)
    let folded = Array(word.lowercased())
    var best: (word: String, distance: Int, exact: Int)?
    for candidate in known where candidate.utf8.count <= longest {
      let letters = Array(candidate.lowercased())
      // The difference in length is a lower bound.
      let allowed = max(1, max(folded.count, letters.count) / 3)
      guard abs(folded.count - letters.count) <= allowed else { continue }
      let distance = between(folded, letters)
      guard distance <= allowed else { continue }
      let exactDistance = between(exact, Array(candidate))
      if let best, (best.distance, best.exact) <= (distance, exactDistance) { continue }
      best = (candidate, distance, exactDistance)
    }
    return best?.word
  }

  /// Insertions, deletions, replacements and swaps of neighbours that turn `first` into `second`.
  package static func between<Letters: Collection>(_ first: Letters, _ second: Letters) -> Int
  where Letters.Element: Equatable {
    let (first, second) = (Array(first), Array(second))
    var beforePrevious: [Int] = []
    var previous = Array(0...second.count)
    for i in first.indices {
      var row = [i + 1]
      row.reserveCapacity(second.count + 1)
      for j in second.indices {
        let replaced = previous[j] + (first[i] == second[j] ? 0 : 1)
        var least = min(replaced, previous[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, first[i] == second[j - 1], first[i - 1] == second[j] {
          least = min(least, beforePrevious[j - 1] + 1)
        }
        row.append(least)
      }
      (beforePrevious, previous) = (previous, row)
    }
    return previous[second.count]
  }

  /// Longer words are no misspelt names, and would cost quadratic time.
  private static let longest = 100
}
