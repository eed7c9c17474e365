// SPDX-License-Identifier: MIT

import TensorFiles
import Testing

/// Reading what was written, in memory.
struct RoundTripTests {
  private func check<Element: StorableElement & Equatable>(
    _ values: [Element], extents: [Int], options: TensorReadOptions = TensorReadOptions()
  ) throws {
    let tensor = try StoredTensor(extents: extents, elements: values)
    for version in NumpyVersion.allCases {
      let bytes = NumpyArray.encode(tensor, version: version)
      let again = try NumpyArray.read(bytes: bytes, file: "a.npy", options: options)
      #expect(again.extents == extents)
      #expect(again.elementType == Element.elementType)
      #expect(try again.elements(as: Element.self) == values)
      #expect((bytes.count - tensor.byteCount).isMultiple(of: 64), "elements are not aligned")
    }
    for compression in ArchiveCompression.allCases {
      let bytes = try NumpyArchive.encode([("a", tensor), ("b", tensor)], compression: compression)
      let archive = try NumpyArchive(bytes: bytes, file: "a.npz", options: options)
      #expect(archive.names == ["a", "b"])
      #expect(try archive.tensor("b").elements(as: Element.self) == values)
    }
  }

  @Test func everyElementTypeSurvives() throws {
    try check([Float(1.5), -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude], extents: [4])
    try check([Double.pi, -1e300, .leastNonzeroMagnitude, 0, 1, 2], extents: [1, 2, 3])
    try check([Float16(1), 65_504, -6e-8, 0], extents: [2, 2])
    try check([Int8.min, -1, 0, .max], extents: [2, 1, 2])
    try check([UInt8.min, 1, 127, .max], extents: [4, 1])
    try check([Int32.min, -1, .max], extents: [3])
    try check([Int64.min, -1, .max], extents: [3])
    try check(
      [UInt16(0x3F80), 0xC000], extents: [2],
      options: TensorReadOptions(readsUInt16AsBFloat16: true))
  }

  @Test func scalarsAndEmptyTensorsSurvive() throws {
    try check([Float(7)], extents: [])
    try check([Float](), extents: [0])
    try check([Int8](), extents: [3, 0, 5])
    // One extent is zero, so the product does not overflow.
    try check([Int8](), extents: [.max, .max, 0])
  }

  @Test func anArchiveWithoutArraysIsReadable() throws {
    let bytes = try NumpyArchive.encode([])
    #expect(try NumpyArchive(bytes: bytes, file: "e.npz").names.isEmpty)
  }

  @Test func theSameTensorsGiveTheSameBytes() throws {
    let tensor = try StoredTensor(extents: [2], elements: [Float(1), 2])
    #expect(try NumpyArchive.encode([("a", tensor)]) == NumpyArchive.encode([("a", tensor)]))
  }

  @Test func longDeflatedArraysSurvive() throws {
    var random = SplitMix(seed: 7)
    // Several times the buffers of 64 KiB on both sides, packed well and not at all.
    let values = (0..<200_000).map { index in
      index < 100_000 ? UInt8(index & 3) : UInt8.random(in: 0 ... .max, using: &random)
    }
    try check(values, extents: [400, 500])
  }

  @Test(arguments: [[5], [2, 3], [40, 70], [2, 3, 4], [1, 5, 1, 33], [33, 2, 3, 35], [4, 1]])
  func fortranOrderIsReadAsRowMajor(extents: [Int]) throws {
    let count = extents.reduce(1, *)
    // Element values are their row-major offsets; the file has the first axis fastest.
    var columnMajor = [Int32](repeating: 0, count: count)
    for offset in 0..<count {
      var rest = offset
      var place = 0
      var stride = count
      for extent in extents.reversed() {
        stride /= extent
        place += rest % extent * stride
        rest /= extent
      }
      columnMajor[place] = Int32(offset)
    }
    let shape = "(\(extents.map(String.init).joined(separator: ", ")),)"
    func read<Element: BitwiseCopyable>(_ code: String, _ values: [Element]) throws -> [Int] {
      let text = header(code, shape, isFortranOrder: true)
      let tensor = try NumpyArray.read(bytes: npy(text, memory(values)), file: "f.npy")
      #expect(tensor.extents == extents)
      return try tensor.doubles().map { Int($0) }
    }
    #expect(try read("<i4", columnMajor) == Array(0..<count))
    #expect(try read("<f8", columnMajor.map(Double.init)) == Array(0..<count))
    #expect(try read(">i8", columnMajor.map { Int64($0).bigEndian }) == Array(0..<count))
    #expect(
      try read("|u1", columnMajor.map { UInt8(truncatingIfNeeded: $0) })
        == (0..<count).map { $0 & 0xFF })
    // Integers up to 2,048 are exact in float16.
    let halves = columnMajor.map { Float16($0 & 0x3FF) }
    #expect(try read("<f2", halves) == (0..<count).map { $0 & 0x3FF })
  }

  @Test func bigEndianIsRead() throws {
    func read(_ code: String, _ payload: [UInt8]) throws -> [Double] {
      try NumpyArray.read(bytes: npy(header(code, "(1,)"), payload), file: "b.npy").doubles()
    }
    #expect(try read(">f4", [0x3F, 0x80, 0, 0]) == [1])
    #expect(try read(">f8", [0xC0, 0, 0, 0, 0, 0, 0, 0]) == [-2])
    #expect(try read(">f2", [0x3C, 0]) == [1])
    #expect(try read(">i4", [0xFF, 0xFF, 0xFF, 0xFE]) == [-2])
    #expect(try read(">i8", [0, 0, 0, 0, 0, 0, 1, 0]) == [256])
    #expect(try read("=f4", [0, 0, 0x80, 0x3F]) == [1])
  }

  @Test func bfloat16IsReadWhenAsked() throws {
    let options = TensorReadOptions(readsUInt16AsBFloat16: true)
    for code in ["<u2", "<V2", "|V2"] {
      let bytes = npy(header(code, "(2,)"), [0x80, 0x3F, 0x20, 0xC1])
      let tensor = try NumpyArray.read(bytes: bytes, file: "b.npy", options: options)
      #expect(tensor.elementType == .bfloat16)
      #expect(try tensor.floats() == [1, -10])
    }
  }
}
