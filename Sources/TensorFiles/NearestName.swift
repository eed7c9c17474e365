// SPDX-License-Identifier: MIT

/// The known name that differs from `name` by the fewest edits, if it is near enough to be meant.
///
/// At most a third of the longer name, and always one character, may differ.
func nearestName(to name: String, among known: [String]) -> String? {
  let wanted = Array(name.prefix(64).lowercased())
  var best: (name: String, distance: Int)?
  for candidate in known.prefix(1_000) where candidate.utf8.count <= 64 {
    let letters = Array(candidate.lowercased())
    let distance = editCount(wanted, letters)
    let allowed = max(1, max(wanted.count, letters.count) / 3)
    if distance <= allowed, distance < best?.distance ?? .max {
      best = (candidate, distance)
    }
  }
  return best?.name
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `first` into `second`.
private func editCount(_ first: [Character], _ second: [Character]) -> Int {
  var older: [Int] = []
  var row = Array(0...second.count)
  for (i, letter) in first.enumerated() {
    var next = [i + 1]
    for (j, other) in second.enumerated() {
      var least = min(row[j] + (letter == other ? 0 : 1), row[j + 1] + 1, next[j] + 1)
      if i > 0, j > 0, letter == second[j - 1], first[i - 1] == other {
        least = min(least, older[j - 1] + 1)
      }
      next.append(least)
    }
    (older, row) = (row, next)
  }
  return row[second.count]
}
