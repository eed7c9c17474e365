// SPDX-License-Identifier: MIT

import TensorFiles
import Testing

struct TensorLayoutTests {
  /// Elements that tell their place: 100 head + 10 token + width, of two heads and three tokens.
  private func tensor(_ layout: TensorLayout) throws -> StoredTensor {
    var values: [Int32] = []
    let isTokensFirst = layout.rawValue.hasSuffix("NHD")
    for outer in 0..<(isTokensFirst ? 3 : 2) {
      for inner in 0..<(isTokensFirst ? 2 : 3) {
        let (head, token) = isTokensFirst ? (inner, outer) : (outer, inner)
        for width in 0..<4 { values.append(Int32(100 * head + 10 * token + width)) }
      }
    }
    let extents = isTokensFirst ? [3, 2, 4] : [2, 3, 4]
    return try StoredTensor(
      extents: layout.rank == 4 ? [1] + extents : extents, elements: values, source: "q.npy")
  }

  @Test(arguments: TensorLayout.allCases)
  func everyLayoutBecomesTheSameTensorAndComesBack(layout: TensorLayout) throws {
    let stored = try tensor(layout)
    let standard = try layout.standard(stored)
    #expect(standard.extents == [1, 2, 3, 4])
    #expect(
      try standard.integers()
        == [0, 100].flatMap { head in
          [0, 10, 20].flatMap { token in (0..<4).map { head + token + $0 } }
        })
    let back = try layout.arranged(standard)
    #expect(back.extents == stored.extents)
    #expect(try back.integers() == stored.integers())
  }

  @Test func aWrongNumberOfAxesNamesTheLayoutsThatFit() throws {
    let tensor = try StoredTensor(
      extents: [5, 2, 4], elements: [Float](repeating: 0, count: 40), source: "q.npy")
    let error = failure { () throws(TensorFileError) in
      try TensorLayout.batchHeadsTokens.standard(tensor)
    }
    #expect(
      error?.description
        == "q.npy: has 3 axes, shape [5, 2, 4]; layout BHND has 4: batch, heads, tokens, width; "
        + "with 3 axes the layout is HND or NHD")
    let flat = try StoredTensor(extents: [2], elements: [Float(1), 2], source: "v.npy")
    #expect(
      failure { () throws(TensorFileError) in try TensorLayout.headsTokens.standard(flat) }?
        .description.hasSuffix("reshape it") == true)
  }

  @Test func aReferenceIsAPathOrAPathAndAName() {
    #expect(TensorReference("q.npy") == TensorReference(path: "q.npy"))
    #expect(TensorReference("a:b/q.npy") == TensorReference(path: "a:b/q.npy"))
    #expect(TensorReference("c.npz") == TensorReference(path: "c.npz"))
    #expect(TensorReference("d/c.npz:q") == TensorReference(path: "d/c.npz", name: "q"))
    #expect(
      TensorReference("m.safetensors:l.0:q")
        == TensorReference(path: "m.safetensors", name: "l.0:q"))
    #expect(TensorReference("d/c.npz:q").fileName == "c.npz")
  }
}
