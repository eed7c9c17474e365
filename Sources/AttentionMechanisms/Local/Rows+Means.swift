// SPDX-License-Identifier: MIT

import AttentionReference

extension Rows {
  /// The matrix with the mean of some rows of `source` as one more row.
  func appendingMean(of rows: [Int], in source: Rows) -> Rows {
    var result = Rows(count: count + 1, width: width)
    result.values.replaceSubrange(0..<values.count, with: values)
    for row in rows { result.add(1 / Double(rows.count), source, row, to: count) }
    return result
  }
}
