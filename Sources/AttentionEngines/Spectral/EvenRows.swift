// SPDX-License-Identifier: MIT

/// Transforms of rows whose results are real, two rows to a complex transform.
///
/// A row holds `0 ... channels / 2` of a spectrum that is Hermitian in the channel. Results of row
/// `t`, read backwards, are those of row `-t`.
struct EvenRows {
  let length: Int
  let channels: Int
  /// Complex numbers from one row of the half spectrum to the next.
  let stride: Int

  private var kept: Int { length / 2 + 1 }
  /// Couples of rows that share a transform.
  var couples: UnitSplit { UnitSplit(count: (kept + 1) / 2, size: 8) }
  /// Bytes of the half spectrum, with a row of zeros where the number of rows is odd.
  var halfBytes: Int { 2 * couples.count * stride * MemoryLayout<ComplexPair>.stride }
  private var rowStride: Int { ColumnStore.stride(length: channels) }
  var scratchBytes: Int { 2 * rowStride * MemoryLayout<ComplexPair>.stride }

  /// Transforms some couples of rows and returns how many rows of `output` it wrote.
  func transform(
    _ half: UnsafePointer<ComplexPair>, couples: Range<Int>, plan: FourierPlan,
    scratch: UnsafeMutableRawPointer, output: UnsafeMutablePointer<Float>
  ) -> Int {
    let packed = scratch.assumingMemoryBound(to: ComplexPair.self)
    let result = packed + rowStride
    var written = 0
    for couple in couples {
      let row = 2 * couple
      pack(half + row * stride, half + (row + 1) * stride, into: packed)
      plan.execute(packed, into: result)
      written += write(result, row: row, output: output)
    }
    return written
  }

  /// Joins two Hermitian rows as `a + ib`, and completes them by `a[-c] = conj a[c]`.
  private func pack(
    _ a: UnsafePointer<ComplexPair>, _ b: UnsafePointer<ComplexPair>,
    into packed: UnsafeMutablePointer<ComplexPair>
  ) {
    // Bins that mirror themselves are real; their rounding must not leak into the other row.
    packed[0] = ComplexPair(a[0].x, b[0].x)
    let mirrored = channels - channels / 2
    if channels.isMultiple(of: 2) {
      packed[channels / 2] = ComplexPair(a[channels / 2].x, b[channels / 2].x)
    }
    var bin = 1
    while bin &+ 4 <= mirrored {
      let (left, right) = (ComplexLanes(at: a + bin), ComplexLanes(at: b + bin))
      ComplexLanes(
        real: left.real - right.imaginary, imaginary: left.imaginary + right.real
      ).store(to: packed + bin)
      ComplexLanes(
        real: left.real + right.imaginary, imaginary: right.real - left.imaginary
      ).reversed.store(to: packed + (channels &- bin &- 3))
      bin &+= 4
    }
    while bin < mirrored {
      let (left, right) = (a[bin], b[bin])
      packed[bin] = ComplexPair(left.x - right.y, left.y + right.x)
      packed[channels - bin] = ComplexPair(left.x + right.y, right.x - left.y)
      bin += 1
    }
  }

  /// Writes the real parts to `row`, the imaginary parts to the next row if there is one, and both
  /// backwards to the rows that mirror these.
  private func write(
    _ result: UnsafePointer<ComplexPair>, row: Int, output: UnsafeMutablePointer<Float>
  ) -> Int {
    let isLast = row + 1 == kept
    let first = output + row * channels
    // Without a next row its results, zeros, go where the right ones follow at once.
    let second = isLast ? first : first + channels
    let firstMirror = row == 0 ? first : output + (length - row) * channels
    let secondMirror = isLast ? firstMirror : output + (length - row - 1) * channels
    var column = 0
    while column < channels {
      let mirror = column == 0 ? 0 : channels &- column
      if column > 0, column &+ 4 <= channels {
        let lanes = ComplexLanes(at: result + column)
        lanes.imaginary.store(to: second + column)
        lanes.imaginary.reversed.store(to: secondMirror + (mirror &- 3))
        lanes.real.store(to: first + column)
        lanes.real.reversed.store(to: firstMirror + (mirror &- 3))
        column &+= 4
      } else {
        let value = result[column]
        second[column] = value.y
        secondMirror[mirror] = value.y
        first[column] = value.x
        firstMirror[mirror] = value.x
        column &+= 1
      }
    }
    return (firstMirror == first ? 1 : 2) + (isLast ? 0 : secondMirror == second ? 1 : 2)
  }
}
