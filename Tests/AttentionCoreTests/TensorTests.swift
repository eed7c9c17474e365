// SPDX-License-Identifier: MIT

import AttentionCore
import Testing

@Suite struct TensorTests {
  @Test func newStorageIsAlignedAndMarkedUnwritten() {
    let tensor = Tensor<Float>([3, 5])
    #expect(UInt(bitPattern: tensor.base) % 64 == 0)
    #expect(tensor.array.allSatisfy { $0.isNaN })
    #expect(tensor.byteCount == 60)
  }

  private static let roundings: [(Float, UInt16)] = [
    (1, 0x3F80), (0x1.01p0, 0x3F80), (0x1.03p0, 0x3F82), (-0.0, 0x8000), (.infinity, 0x7F80),
    (.greatestFiniteMagnitude, 0x7F80),
  ]

  @Test(arguments: roundings)
  func bfloat16RoundsToNearestEven(value: Float, bits: UInt16) {
    #expect(BFloat16(value).bits == bits)
  }

  @Test func bfloat16KeepsNaN() {
    #expect(BFloat16(.nan).float.isNaN)
    #expect(BFloat16(Float(bitPattern: 0x7F80_0001)).float.isNaN)
  }

  @Test func selectionsDropUnusedPlaces() {
    let selection = Selection(rows: 2, capacity: 3, ids: [0, -1, -1, 0, 2, -1, 1, 2, 3, 0, 1, 2])
    #expect(selection.blocks(head: 0, row: 1) == [0, 2])
    #expect(selection.blocks(head: 1, row: 0) == [1, 2, 3])
  }
}
