// SPDX-License-Identifier: MIT

extension ByteStorage {
  /// Reverses the bytes of every element.
  func swapBytes(elementSize: Int) {
    switch elementSize {
    case 2: swap(UInt16.self)
    case 4: swap(UInt32.self)
    case 8: swap(UInt64.self)
    default: break
    }
  }

  private func swap<Word: FixedWidthInteger>(_ type: Word.Type) {
    let words = bytes.assumingMemoryBound(to: type)
    for index in words.indices {
      words[index] = words[index].byteSwapped
    }
  }

  /// The same elements in row-major order, if these are in column-major (Fortran) order.
  func rowMajor(
    extents: [Int], elementSize: Int, file: String
  ) throws(TensorFileError) -> ByteStorage {
    let longAxes = extents.count { $0 > 1 }
    // With one axis, or none, that is longer than 1, both orders are the same.
    guard longAxes > 1, !bytes.isEmpty else { return self }
    let result = try ByteStorage(count: bytes.count, file: file)
    switch elementSize {
    case 1: transpose(UInt8.self, to: result, extents)
    case 2: transpose(UInt16.self, to: result, extents)
    case 4: transpose(UInt32.self, to: result, extents)
    default: transpose(UInt64.self, to: result, extents)
    }
    return result
  }

  /// Copies in squares over the first and the last axis, the axes that are contiguous in the
  /// source and in the result, so that both sides stay in cache.
  private func transpose<Word: BitwiseCopyable>(
    _ type: Word.Type, to result: ByteStorage, _ extents: [Int]
  ) {
    let source = bytes.assumingMemoryBound(to: type)
    let target = result.bytes.assumingMemoryBound(to: type)
    let columns = extents[extents.count - 1]
    let rows = extents[0]
    let middle = Array(extents.dropFirst().dropLast())
    let middleCount = middle.reduce(1, *)
    let square = 32
    for middleOffset in 0..<middleCount {
      // `middleOffset` counts in row-major order of the middle axes.
      let sourceBase = columnMajorOffset(of: middleOffset, middle) * rows
      for firstRow in stride(from: 0, to: rows, by: square) {
        for firstColumn in stride(from: 0, to: columns, by: square) {
          for row in firstRow..<min(firstRow + square, rows) {
            let targetBase = (row * middleCount + middleOffset) * columns
            for column in firstColumn..<min(firstColumn + square, columns) {
              target[targetBase + column] = source[sourceBase + row + column * rows * middleCount]
            }
          }
        }
      }
    }
  }

  private func columnMajorOffset(of rowMajorOffset: Int, _ extents: [Int]) -> Int {
    var rest = rowMajorOffset
    var offset = 0
    var stride = extents.reduce(1, *)
    for extent in extents.reversed() {
      stride /= extent
      offset += rest % extent * stride
      rest /= extent
    }
    return offset
  }
}
