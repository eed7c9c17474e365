// SPDX-License-Identifier: MIT

import TensorFiles
import Testing

struct StoredTensorTests {
  @Test func expectationsNameWhatWasFound() throws {
    let tensor = try StoredTensor(
      extents: [1, 2, 3, 4], elements: [Float](repeating: 0, count: 24), source: "q.npy")
    try tensor.expect(extents: [1, 2, nil, 4]).expect(rank: 4).expect(elementTypes: .float32)
    let extents = failure { () throws(TensorFileError) in
      try tensor.expect(extents: [1, nil, 5, 4])
    }
    #expect(
      extents == .wrongExtents(file: "q.npy", expected: [1, nil, 5, 4], found: [1, 2, 3, 4]))
    #expect(
      extents?.description == "q.npy: has shape [1, 2, 3, 4]; expected [1, any, 5, 4]")
    let rank = failure { () throws(TensorFileError) in try tensor.expect(extents: [24]) }
    #expect(rank == .wrongRank(file: "q.npy", expected: 1, found: [1, 2, 3, 4]))
    let type = failure { () throws(TensorFileError) in
      try tensor.expect(elementTypes: .int8, .uint8)
    }
    #expect(type?.description == "q.npy: has element type float32; expected int8 or uint8")
    #expect(
      failure { () throws(TensorFileError) in try tensor.integers() }
        == .wrongElementType(
          file: "q.npy", expected: [.int8, .uint8, .int32, .int64], found: .float32))
  }

  @Test func elementsMustFitTheExtents() {
    for extents in [[3], [], [-1, -2], [Int.max, 2]] {
      #expect(
        failure { () throws(TensorFileError) in
          try StoredTensor(extents: extents, elements: [Float(0), 0])
        } == .elementCountMismatch(file: "array", extents: extents, count: 2))
    }
  }

  @Test func conversionsNeverLoseAValueSilently() throws {
    func floats<Element: StorableElement>(_ values: [Element]) throws -> TensorFileError? {
      let tensor = try StoredTensor(extents: [values.count], elements: values, source: "x")
      return failure { () throws(TensorFileError) in try tensor.floats() }
    }
    #expect(try floats([Int32(1 << 24), -(1 << 24)]) == nil)
    #expect(
      try floats([Int32(1), 16_777_217])
        == .notRepresentable(file: "x", index: [1], value: "16777217", target: .float32))
    #expect(
      try floats([1e300])
        == .notRepresentable(file: "x", index: [0], value: "1e+300", target: .float32))
    // Infinity itself is a value that both types have, and rounding is what conversion means.
    #expect(try floats([Double.infinity, 0.1, 1e-60]) == nil)
    let large = try StoredTensor(extents: [1], elements: [Int64(1 << 53) + 1], source: "x")
    #expect(
      failure { () throws(TensorFileError) in try large.doubles() }
        == .notRepresentable(
          file: "x", index: [0], value: "9007199254740993", target: .float64))
    #expect(try large.integers() == [1 << 53 + 1])
  }

  @Test func everyTypeConverts() throws {
    func values<Element: StorableElement>(_ elements: [Element]) throws -> [Double] {
      let tensor = try StoredTensor(extents: [elements.count], elements: elements)
      let doubles = try tensor.doubles()
      #expect(try tensor.floats().map(Double.init) == doubles)
      return doubles
    }
    #expect(try values([Float(-1.5), 2]) == [-1.5, 2])
    #expect(try values([-1.5, 2.0]) == [-1.5, 2])
    #expect(try values([Float16(-1.5), 2]) == [-1.5, 2])
    #expect(try values([UInt16(0xBFC0), 0x4000]) == [-1.5, 2])
    #expect(try values([Int8(-3), 2]) == [-3, 2])
    #expect(try values([UInt8(200), 2]) == [200, 2])
    #expect(try values([Int32(-3), 2]) == [-3, 2])
    #expect(try values([Int64(-3), 2]) == [-3, 2])
  }

  @Test func floatsAreCopiedToMemoryOfTheRightSizeOnly() throws {
    let tensor = try StoredTensor(extents: [2], elements: [Float(1), 2], source: "x")
    let memory = UnsafeMutableBufferPointer<Float>.allocate(capacity: 3)
    defer { memory.deallocate() }
    memory.initialize(repeating: -1)
    #expect(
      failure { () throws(TensorFileError) in try tensor.copyFloats(to: memory) }
        == .elementCountMismatch(file: "x", extents: [2], count: 3))
    try tensor.copyFloats(to: UnsafeMutableBufferPointer(rebasing: memory[..<2]))
    #expect(Array(memory) == [1, 2, -1])
  }
}
