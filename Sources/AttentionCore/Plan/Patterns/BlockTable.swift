// SPDX-License-Identifier: MIT

/// A block mask: the key blocks that each block of consecutive queries sees.
public struct BlockTable: Hashable, Sendable {
  public let queryBlock: Int
  public let keyBlock: Int
  private let rows: SpanTable

  /// `rows` lists the key blocks of each query block, in any order.
  public init(queryBlock: Int, keyBlock: Int, rows: [[Int]]) {
    precondition(queryBlock >= 1 && keyBlock >= 1, "blocks hold at least one token")
    self.queryBlock = queryBlock
    self.keyBlock = keyBlock
    self.rows = SpanTable(rows.map { $0.map { $0 * keyBlock..<($0 + 1) * keyBlock } })
  }

  func spans(of query: Int, keyLength: Int) -> [Range<Int>] {
    let row = query / queryBlock
    guard row < rows.count else { return [] }
    return rows[row].compactMap {
      let inside = $0.clamped(to: 0..<keyLength)
      return inside.isEmpty ? nil : inside
    }
  }
}
