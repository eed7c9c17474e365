// SPDX-License-Identifier: MIT

import AttentionCore

/// Everything an oracle may look at: a shape, inputs, weights and, where a mechanism selects, the
/// selection whose values are to be checked.
public struct ReferenceProblem: Sendable {
  public let shape: AttentionShape
  public let inputs: AttentionInputs
  public let weights: WeightSet
  public let selection: Selection?

  public init(
    shape: AttentionShape, inputs: AttentionInputs, weights: WeightSet = WeightSet(),
    selection: Selection? = nil
  ) {
    self.shape = shape
    self.inputs = inputs
    self.weights = weights
    self.selection = selection
  }

  /// Query, key and value rows of one query head, widened to Double.
  ///
  /// - Requires: `inputs` is `.queryKeyValue`.
  public func head(batch: Int, queryHead: Int) -> ReferenceHead {
    guard case .queryKeyValue(let query, let key, let value) = inputs else {
      preconditionFailure("the mechanism takes query, key and value")
    }
    let keyHead = queryHead / shape.headGroup
    return ReferenceHead(
      query: Rows(query.matrix(batch: batch, head: queryHead), shape.queryLength, shape.headDim),
      key: Rows(key.matrix(batch: batch, head: keyHead), shape.keyLength, shape.headDim),
      value: Rows(value.matrix(batch: batch, head: keyHead), shape.keyLength, shape.valueDim))
  }

  /// Computes every head with `body` and joins the results.
  public func mapHeads(
    _ body: (_ head: ReferenceHead, _ batch: Int, _ queryHead: Int) -> Rows
  ) -> ReferenceOutput {
    var values: [Double] = []
    // Growing would hold two copies at a time.
    values.reserveCapacity(Extents(shape.outputExtents).count)
    for batch in 0..<shape.batch {
      for queryHead in 0..<shape.queryHeads {
        values += body(head(batch: batch, queryHead: queryHead), batch, queryHead).values
      }
    }
    return ReferenceOutput(extents: shape.outputExtents, values: values)
  }
}

/// A row-major matrix in Double.
public struct Rows: Sendable {
  public let count: Int
  public let width: Int
  public var values: [Double]

  public init(count: Int, width: Int) {
    self.count = count
    self.width = width
    values = [Double](repeating: 0, count: count * width)
  }

  public init(_ base: UnsafePointer<Float>, _ count: Int, _ width: Int) {
    self.count = count
    self.width = width
    values = UnsafeBufferPointer(start: base, count: count * width).map(Double.init)
  }

  public subscript(row: Int) -> ArraySlice<Double> {
    get { values[row * width..<(row + 1) * width] }
    set { values.replaceSubrange(row * width..<(row + 1) * width, with: newValue) }
  }

  public subscript(row: Int, column: Int) -> Double {
    get { values[row * width + column] }
    set { values[row * width + column] = newValue }
  }

  /// The dot product of a row with a row of another matrix of the same width.
  public func dot(_ row: Int, _ other: Rows, _ otherRow: Int) -> Double {
    values.withUnsafeBufferPointer { left in
      other.values.withUnsafeBufferPointer { right in
        var sum = 0.0
        for column in 0..<width {
          sum += left[row * width + column] * right[otherRow * width + column]
        }
        return sum
      }
    }
  }

  /// Adds `weight` times a row of `other` to a row.
  public mutating func add(_ weight: Double, _ other: Rows, _ otherRow: Int, to row: Int) {
    values.withUnsafeMutableBufferPointer { left in
      other.values.withUnsafeBufferPointer { right in
        for column in 0..<width {
          left[row * width + column] += weight * right[otherRow * width + column]
        }
      }
    }
  }

  public mutating func scale(row: Int, by factor: Double) {
    for index in row * width..<(row + 1) * width {
      values[index] *= factor
    }
  }
}

/// One query head with the key-value head it reads, in Double.
public struct ReferenceHead: Sendable {
  public let query: Rows
  public let key: Rows
  public let value: Rows

  public init(query: Rows, key: Rows, value: Rows) {
    self.query = query
    self.key = key
    self.value = value
  }
}

/// An oracle's result.
public struct ReferenceOutput: Sendable {
  public let extents: [Int]
  public let values: [Double]

  public init(extents: [Int], values: [Double]) {
    self.extents = extents
    self.values = values
  }
}

extension Rows {
  /// The matrix with `transform` applied to every element.
  public func map(_ transform: (Double) -> Double) -> Rows {
    var result = self
    result.values = values.map(transform)
    return result
  }
}

extension Rows {
  /// The matrix with one more row: the mean of `rows`.
  public func appending(meanOf rows: Range<Int>) -> Rows {
    var result = Rows(count: count + 1, width: width)
    result.values.replaceSubrange(0..<values.count, with: values)
    for row in rows { result.add(1 / Double(rows.count), self, row, to: count) }
    return result
  }
}
