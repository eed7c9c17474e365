// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionReference
import Foundation
import Testing

/// Causal scans of more than 131,072 keys, which are cut into pieces.
@Suite struct LongScanTests {
  /// With keys ahead of the first query, with queries ahead of the first key, with late queries.
  private static let shapes: [AttentionShape] = {
    let keys = (1 << 17) + 5000
    let sizes: [(Int, Causality)] = [
      (keys - 20_001, .bottomRight), (keys + 300, .bottomRight), (keys + 300, .topLeft),
    ]
    return sizes.compactMap { queries, causality in
      try? AttentionShape(
        queryLength: queries, keyLength: keys, headDim: 16, valueDim: 8, causality: causality)
    }
  }()

  @Test func piecesTogetherAreTheSumOverAllKeys() throws {
    #expect(Self.shapes.count == 3)
    for shape in Self.shapes {
      let problem = try ContractProblem(ContractCase("linear"), shape: shape)
      guard case .queryKeyValue(let query, let key, let value) = problem.inputs else { continue }
      // Outputs near 1, of which a sum that lost something falls short.
      for index in 0..<value.count { value[index] += 1 }
      let expected = Self.sampledRows(shape, query: query, key: key, value: value)
      for context in Contexts.single {
        let (output, engine) = try problem.run(context)
        #expect(engine.counts.exact == engine.expectedCounts)
        for (row, numbers) in expected {
          for (channel, number) in numbers.enumerated() {
            // A piece rounds 2^14 times by at most 2^-25, above and below the line.
            let difference = abs(Double(output[row * shape.valueDim + channel]) - number)
            #expect(difference < 1e-3, "row \(row) of \(shape)")
          }
        }
      }
    }
  }

  @Test func positiveFeaturesOfLongSequencesKeepAConstantValue() throws {
    for shape in Self.shapes {
      let problem = try ContractProblem(ContractCase("performer"), shape: shape)
      guard case .queryKeyValue(_, _, let value) = problem.inputs else { continue }
      value.elements.update(repeating: 0.75)
      let (output, engine) = try problem.run(Contexts.best)
      #expect(engine.counts.exact == engine.expectedCounts)
      let blind = (0..<shape.queryLength).first { shape.visibleKeys(query: $0) > 0 } ?? 0
      let seeing = output.array.dropFirst(blind * shape.valueDim)
      #expect(output.array.prefix(blind * shape.valueDim).allSatisfy { $0 == 0 })
      // As above: at most 2^-11 on either side of the quotient.
      #expect(seeing.allSatisfy { abs($0 - 0.75) < 0.75e-3 }, "\(shape)")
      let two = try problem.run(Contexts.pair).output
      #expect(two.array.map(\.bitPattern) == output.array.map(\.bitPattern))
    }
  }

  /// Every 1009th row of normalised linear attention, summed in Double.
  private static func sampledRows(
    _ shape: AttentionShape, query: Tensor<Float>, key: Tensor<Float>, value: Tensor<Float>
  ) -> [(row: Int, numbers: [Double])] {
    let (width, channels) = (shape.headDim, shape.valueDim)
    let feature = { (x: Float) in x > 0 ? Double(x) + 1 : exp(Double(x)) }
    var state = [Double](repeating: 0, count: width * channels)
    var sums = [Double](repeating: 0, count: width)
    var seen = 0
    var rows: [(row: Int, numbers: [Double])] = []
    for row in 0..<shape.queryLength {
      while seen < shape.visibleKeys(query: row) {
        for index in 0..<width {
          let weight = feature(key[seen * width + index])
          sums[index] += weight
          for channel in 0..<channels {
            state[index * channels + channel] += weight * Double(value[seen * channels + channel])
          }
        }
        seen += 1
      }
      guard seen > 0, row % 1009 == 0 || row == shape.queryLength - 1 else { continue }
      let weights = (0..<width).map { feature(query[row * width + $0]) }
      let norm = zip(weights, sums).reduce(0) { $0 + $1.0 * $1.1 }
      let numbers = (0..<channels).map { channel in
        (0..<width).reduce(0) { $0 + weights[$1] * state[$1 * channels + channel] } / norm
      }
      rows.append((row, numbers))
    }
    return rows
  }
}
