// SPDX-License-Identifier: MIT

import AttentionCore
import SuiteRunner
import Testing

@Suite struct InputTests {
  private var shape: AttentionShape {
    get throws { try AttentionShape(queryHeads: 4, keyValueHeads: 2, queryLength: 50, headDim: 16) }
  }

  @Test(arguments: GeneratedInput.allCases)
  func inputsAreFiniteAndRepeatable(input: GeneratedInput) throws {
    let shape = try shape
    let generator = InputGenerator(seed: Seed(3))
    let first = generator.inputs(input, kind: .queryKeyValue, shape: shape)
    let second = generator.inputs(input, kind: .queryKeyValue, shape: shape)
    #expect(first.checksum == second.checksum)
    guard case .queryKeyValue(let query, let key, let value) = first else { return }
    #expect([query, key, value].allSatisfy { $0.array.allSatisfy(\.isFinite) })
    let other = InputGenerator(seed: Seed(4)).inputs(input, kind: .queryKeyValue, shape: shape)
    #expect(first.checksum != other.checksum)
  }

  /// Only sums, products and one exact conversion: the bits are the same on every machine.
  @Test func gaussianInputsHaveFixedBits() throws {
    let inputs = InputGenerator(seed: Seed(0)).inputs(
      .gaussian, kind: .queryKeyValue, shape: try shape)
    #expect(inputs.checksum == "23c435de61f15225")
  }

  @Test func outlierChannelsShareABias() throws {
    let inputs = InputGenerator(seed: Seed(3)).inputs(
      .outlierChannels, kind: .queryKeyValue, shape: try shape)
    guard case .queryKeyValue(_, let key, _) = inputs else { return }
    let width = try shape.headDim
    let means = (0..<width).map { channel in
      let column = stride(from: channel, to: key.count, by: width).map { key[$0] }
      return abs(column.reduce(0, +) / Float(column.count))
    }
    // A bias of 30 against means of N(0, 1).
    #expect(means.filter { $0 > 25 }.count == 4)
    #expect(means.filter { $0 < 1 }.count == width - 4)
  }

  @Test func correlatedInputsPreferNearKeys() throws {
    let shape = try AttentionShape(queryHeads: 2, queryLength: 400, headDim: 32, grid: [20, 20])
    let inputs = InputGenerator(seed: Seed(3)).inputs(
      .correlatedGrid, kind: .queryKeyValue, shape: shape)
    guard case .queryKeyValue(let query, let key, _) = inputs else { return }
    func meanScore(_ distance: Int) -> Float {
      var sum: Float = 0
      for token in 0..<380 {
        for channel in 0..<32 {
          sum += query[token * 32 + channel] * key[(token + distance) * 32 + channel]
        }
      }
      return sum / 380
    }
    #expect(meanScore(0) > 2 * abs(meanScore(10)))
  }
}
