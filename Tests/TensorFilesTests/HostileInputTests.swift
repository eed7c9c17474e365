// SPDX-License-Identifier: MIT

import TensorFiles
import Testing

/// Valid files with a few bytes changed: readers must answer, whatever the answer is.
struct HostileInputTests {
  private static let inputsPerParser = 2_000

  /// Calls `read` with changed copies of `valid`; returns how many were refused.
  private func attack(
    _ valid: [[UInt8]], seed: UInt64, _ read: ([UInt8]) throws(TensorFileError) -> Void
  ) -> Int {
    var random = SplitMix(seed: seed)
    var refused = 0
    for input in 0..<Self.inputsPerParser {
      var bytes = valid[input % valid.count]
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        change(&bytes, &random)
      }
      do {
        try read(bytes)
      } catch {
        refused += 1
        #expect(!error.description.isEmpty)
      }
    }
    return refused
  }

  private func change(_ bytes: inout [UInt8], _ random: inout SplitMix) {
    guard !bytes.isEmpty else { return }
    let place = Int.random(in: 0..<bytes.count, using: &random)
    let end = min(place + Int.random(in: 1...16, using: &random), bytes.count)
    switch Int.random(in: 0..<7, using: &random) {
    case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1: bytes[place] = UInt8.random(in: 0 ... .max, using: &random)
    case 2: bytes.removeSubrange(place..<end)
    case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
    case 4: bytes.removeLast(min(bytes.count, end - place))
    case 5: for index in place..<end { bytes[index] = 0xFF }
    default:
      let syntax = Array("0123456789-(),'{}[]:\\\"".utf8)
      bytes[place] = syntax[Int.random(in: syntax.indices, using: &random)]
    }
  }

  @Test func numpyArraysAnswer() throws {
    let tensor = try StoredTensor(extents: [2, 3], elements: [Float](repeating: 1, count: 6))
    let valid =
      NumpyVersion.allCases.map { NumpyArray.encode(tensor, version: $0) }
      + [npy(header(">f8", "(3, 2)", isFortranOrder: true), [UInt8](repeating: 0, count: 48))]
    let refused = attack(valid, seed: 1) { bytes throws(TensorFileError) in
      _ = try NumpyArray.read(bytes: bytes, file: "a.npy").floats()
    }
    // Changes of elements or of blanks are no errors; most others are.
    #expect(refused > Self.inputsPerParser / 4 && refused < Self.inputsPerParser)
  }

  @Test func archivesAnswer() throws {
    let tensor = try StoredTensor(extents: [40], elements: [Int32](repeating: 7, count: 40))
    var wide = ZipBytes.Entry("a.npy", NumpyArray.encode(tensor))
    wide.isWide = true
    var zip64 = ZipBytes(entries: [wide])
    zip64.isWide = true
    let arrays = [("a", tensor), ("b", tensor)]
    let valid = try [
      NumpyArchive.encode(arrays), NumpyArchive.encode(arrays, compression: .deflated),
      zip64.bytes, NumpyFilesTests.compressed,
    ]
    // Without a limit a changed size would be a request for memory that the test cannot afford.
    let options = TensorReadOptions(maximumBytes: 1 << 20)
    let refused = attack(valid, seed: 2) { bytes throws(TensorFileError) in
      let archive = try NumpyArchive(bytes: bytes, file: "a.npz", options: options)
      for name in archive.names { _ = try archive.tensor(name).doubles() }
    }
    // A checksum guards every element, so little is left that may change.
    #expect(refused > Self.inputsPerParser / 2)
  }

  @Test func safetensorsAnswer() throws {
    let json = """
      {"__metadata__":{"a":"b\\u00e9"},"q":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},\
      "k":{"dtype":"I8","shape":[3],"data_offsets":[16,19]}}
      """
    let valid = [safetensors(json, [UInt8](repeating: 0, count: 19))]
    let refused = attack(valid, seed: 3) { bytes throws(TensorFileError) in
      let archive = try SafetensorsArchive(bytes: bytes, file: "m.safetensors")
      for name in archive.names { _ = try archive.tensor(name).floats() }
    }
    #expect(refused > Self.inputsPerParser / 2)
  }

  @Test func hugeShapesTakeNoMemory() {
    // 16 GiB are allowed, but are not in the file: refused before anything is allocated.
    let bytes = npy(header("|i1", "(17179869184,)"))
    #expect(
      failure { () throws(TensorFileError) in try NumpyArray.read(bytes: bytes, file: "a.npy") }
        == .truncated(
          file: "a.npy", expectedBytes: bytes.count + 17_179_869_184, foundBytes: bytes.count))
  }
}
