// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
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

  @Test(arguments: GeneratedInput.allCases)
  func workersThatShareTheWorkMakeTheSameBits(input: GeneratedInput) throws {
    // More elements than one worker takes at a time.
    let shape = try AttentionShape(
      queryHeads: 4, keyValueHeads: 2, queryLength: 900, headDim: 64, grid: [30, 30])
    let alone = InputGenerator(seed: Seed(3))
    let shared = InputGenerator(seed: Seed(3), pool: WorkerPool(threads: 3, pins: false))
    for kind in [InputKind.queryKeyValue, .tokens] {
      let expected = alone.inputs(input, kind: kind, shape: shape).checksum
      #expect(shared.inputs(input, kind: kind, shape: shape).checksum == expected)
    }
  }

  @Test func casesOfOneShapeShareTensorsUntilManyOthersCame() throws {
    let sources = InputSource(seed: Seed(3))
    func base(_ length: Int) throws -> UnsafeMutablePointer<Float>? {
      let shape = try AttentionShape(queryHeads: 4, queryLength: length, headDim: 64)
      let inputs = try sources.inputs(.generated(.gaussian), kind: .queryKeyValue, shape: shape)
      guard case .queryKeyValue(let query, _, _) = inputs else { return nil }
      return query.base
    }
    let first = try base(100)
    // What verification makes in between is smaller.
    _ = try base(50)
    #expect(try base(100) == first)
    // 96 MiB each: the fourth pushes the second out, and with it what is older.
    let large = try base(1 << 15)
    _ = try base((1 << 15) + 1)
    #expect(try base(1 << 15) == large)
    _ = try base((1 << 15) + 2)
    _ = try base((1 << 15) + 3)
    let shape = try AttentionShape(queryHeads: 4, queryLength: 100, headDim: 64)
    let checksum = try sources.checksum(.generated(.gaussian), kind: .queryKeyValue, shape: shape)
    let fresh = InputGenerator(seed: Seed(3)).inputs(.gaussian, kind: .queryKeyValue, shape: shape)
    #expect(checksum == fresh.checksum)
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
