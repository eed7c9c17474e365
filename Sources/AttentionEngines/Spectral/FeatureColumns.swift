// SPDX-License-Identifier: MIT

/// The columns of token features: normalised out of their rows, and added back to them.
struct FeatureColumns {
  let length: Int
  let channels: Int

  var pairs: Int { (channels + 1) / 2 }
  var rows: UnitSplit { UnitSplit(count: length, size: 32) }
  /// Pairs of columns that are transformed by one unit.
  var columns: UnitSplit { UnitSplit(count: pairs, size: 4) }

  /// Writes `(x - mean) * factor` of some rows.
  func normalise(
    _ features: UnsafePointer<Float>, tokens: UnsafePointer<SIMD2<Float>>, rows: Range<Int>,
    into store: ColumnStore
  ) {
    for row in rows {
      let token = features + row * channels
      let (mean, factor) = (tokens[row].x, tokens[row].y)
      var target = store.base + row
      var column = 0
      while column &+ 4 <= channels {
        let normalised = (SIMD4(at: token + column) - mean) * factor
        target.pointee = normalised.lowHalf
        target[store.stride] = normalised.highHalf
        target += 2 &* store.stride
        column &+= 4
      }
      while column < channels {
        target.pointee = ComplexPair(
          (token[column] - mean) * factor,
          column + 1 < channels ? (token[column + 1] - mean) * factor : 0)
        target += store.stride
        column += 2
      }
    }
  }

  /// Writes the sum of features and columns for some rows.
  func addBack(
    _ store: ColumnStore, features: UnsafePointer<Float>, rows: Range<Int>,
    into output: UnsafeMutablePointer<Float>
  ) {
    for row in rows {
      let token = features + row * channels
      let target = output + row * channels
      var source = store.base + row
      var column = 0
      while column &+ 4 <= channels {
        let mixed = SIMD4(lowHalf: source.pointee, highHalf: source[store.stride])
        (SIMD4(at: token + column) + mixed).store(to: target + column)
        source += 2 &* store.stride
        column &+= 4
      }
      while column < channels {
        target[column] = token[column] + source.pointee.x
        if column + 1 < channels { target[column + 1] = token[column + 1] + source.pointee.y }
        source += store.stride
        column += 2
      }
    }
  }
}
