// SPDX-License-Identifier: MIT

/// The keys that each query of a head sees, known before the data: a set expression.
///
/// Queries and keys are positions in the sequence. A mechanism states its mask with these sets;
/// its oracle states the same mask as a predicate, apart from this.
public indirect enum KeyPattern: Hashable, Sendable {
  /// Every key.
  case all
  /// Keys `j` with `i + from <= j <= i + to` for query `i`; nil leaves that side open.
  case band(from: Int?, to: Int?)
  /// The same keys for every query, such as sinks.
  case keys(Range<Int>)
  /// Every key for these queries and none for the others.
  case queries(Range<Int>)
  /// Keys of the query's own class, such as a window or a document.
  case classes(TokenClasses)
  /// A box of a token grid per query.
  case boxes(GridBoxes)
  /// Listed key blocks per query block.
  case blocks(BlockTable)
  /// Listed spans per query.
  case spans(SpanTable)
  case union([KeyPattern])
  case intersection([KeyPattern])

  /// What the shape's causality allows.
  public static func sequence(_ shape: AttentionShape) -> KeyPattern {
    switch shape.causality {
    case .none: .all
    case .topLeft, .bottomRight: .band(from: nil, to: shape.causalOffset)
    }
  }

  /// The keys of `query`, ascending and disjoint, within `0..<keyLength`.
  public func spans(of query: Int, keyLength: Int) -> [Range<Int>] {
    switch self {
    case .all:
      return [0..<keyLength]
    case .band(let from, let to):
      let first = max(from.map { query + $0 } ?? 0, 0)
      let end = min(to.map { query + $0 + 1 } ?? keyLength, keyLength)
      return first < end ? [first..<end] : []
    case .keys(let keys):
      let inside = keys.clamped(to: 0..<keyLength)
      return inside.isEmpty ? [] : [inside]
    case .queries(let queries):
      return queries.contains(query) ? [0..<keyLength] : []
    case .classes(let classes):
      return classes.spans(of: query)
    case .boxes(let boxes):
      return boxes.spans(of: query)
    case .blocks(let table):
      return table.spans(of: query, keyLength: keyLength)
    case .spans(let table):
      return table[query]
    case .union(let parts):
      return KeySpans.union(parts.flatMap { $0.spans(of: query, keyLength: keyLength) })
    case .intersection(let parts):
      guard let first = parts.first else { return [0..<keyLength] }
      return parts.dropFirst().reduce(first.spans(of: query, keyLength: keyLength)) {
        $0.isEmpty
          ? [] : KeySpans.intersection($0, $1.spans(of: query, keyLength: keyLength))
      }
    }
  }

  /// Attended pairs of one head with `queryLength` queries.
  func attendedPairs(queryLength: Int, keyLength: Int) -> Int {
    switch self {
    case .all:
      return queryLength * keyLength
    case .keys(let keys):
      return queryLength * keys.clamped(to: 0..<keyLength).count
    case .queries(let queries):
      return queries.clamped(to: 0..<queryLength).count * keyLength
    case .boxes(let boxes) where boxes.firstToken + boxes.grid.count <= queryLength:
      return boxes.attendedPairs
    default:
      return (0..<queryLength).reduce(0) {
        $0 + KeySpans.count(spans(of: $1, keyLength: keyLength))
      }
    }
  }
}
