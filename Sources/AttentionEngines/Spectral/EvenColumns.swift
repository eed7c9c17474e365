// SPDX-License-Identifier: MIT

/// The columns of the even part of a real matrix: folded out of its rows, and, once transformed,
/// taken apart into rows of half a spectrum.
///
/// Columns `0 ... channels / 2` are kept; the others mirror them.
struct EvenColumns {
  let length: Int
  let channels: Int

  private var kept: Int { channels / 2 + 1 }
  var pairs: Int { (kept + 1) / 2 }
  /// Rows `0 ... length / 2`, each folded together with the row that mirrors it.
  var folds: UnitSplit { UnitSplit(count: length / 2 + 1, size: 16) }
  /// Pairs of columns; a unit's share of a row of the half spectrum fills two cache lines.
  var columns: UnitSplit { UnitSplit(count: pairs, size: 8) }
  /// Complex numbers from one row of the half spectrum to the next.
  var halfStride: Int { ColumnStore.stride(length: 2 * pairs) }

  /// Writes twice the even part of some rows and their mirrors; returns how many rows that were.
  func fold(
    _ matrix: UnsafePointer<Float>, rows: Range<Int>, into store: ColumnStore
  ) -> Int {
    var folded = 0
    for row in rows {
      let mirror = row == 0 ? 0 : length - row
      let here = matrix + row * channels
      let there = matrix + mirror * channels
      foldRow(here, there, into: store, at: row)
      folded += 1
      guard mirror != row else { continue }
      foldRow(there, here, into: store, at: mirror)
      folded += 1
    }
    return folded
  }

  /// `here[c] + there[-c]` for the kept columns.
  private func foldRow(
    _ here: UnsafePointer<Float>, _ there: UnsafePointer<Float>, into store: ColumnStore,
    at row: Int
  ) {
    let kept = kept
    let stride = store.stride
    var target = store.base + row
    target.pointee = ComplexPair(here[0] + there[0], kept > 1 ? here[1] + there[channels - 1] : 0)
    target += stride
    var column = 2
    while column &+ 4 <= kept {
      let sum = SIMD4(at: here + column) + SIMD4(at: there + (channels &- column &- 3)).reversed
      target.pointee = sum.lowHalf
      target[stride] = sum.highHalf
      target += 2 &* stride
      column &+= 4
    }
    while column < kept {
      target.pointee = ComplexPair(
        here[column] + there[channels - column],
        column + 1 < kept ? here[column + 1] + there[channels - column - 1] : 0)
      target += stride
      column += 2
    }
  }

  /// Takes transformed pairs apart and writes rows `0 ... length / 2`.
  ///
  /// With `Z = F(a + ib)`, `F(a)[t] = (Z[t] + conj Z[-t]) / 2` and
  /// `F(b)[t] = (Z[t] - conj Z[-t]) / 2i`.
  func scatter(
    _ spectra: ColumnStore, pairs: Range<Int>, into half: UnsafeMutablePointer<ComplexPair>
  ) {
    let halfStride = halfStride
    // A quarter: folded columns hold twice the even part.
    let here = SIMD4<Float>(0.25, 0.25, 0.25, -0.25)
    let there = SIMD4<Float>(0.25, -0.25, 0.25, 0.25)
    for row in 0...length / 2 {
      var target = UnsafeMutableRawPointer(half + (row &* halfStride &+ 2 &* pairs.lowerBound))
      var source = spectra.base + row
      let mirror = row == 0 ? 0 : length &- 2 &* row
      for _ in 0..<pairs.count {
        let (z, w) = (source.pointee, source[mirror])
        let apart = SIMD4(z.x, z.y, z.y, z.x) * here + SIMD4(w.x, w.y, w.y, w.x) * there
        target.storeBytes(of: apart, as: SIMD4<Float>.self)
        target += 16
        source += spectra.stride
      }
    }
  }
}
