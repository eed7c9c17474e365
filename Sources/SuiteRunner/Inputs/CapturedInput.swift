// SPDX-License-Identifier: MIT

import AttentionCore
import TensorFiles

/// Query, key and value of one file or of three, checked against each other.
public struct CapturedInput: Hashable, Sendable {
  /// The names of the files without their folders.
  public let name: String
  /// Query, key and value.
  let tensors: [TensorReference]
  let layout: TensorLayout
  let extents: [[Int]]

  /// - Throws: ``TensorFileError`` for a bad file, a missing array, a wrong rank, NaN or infinity,
  ///   or arrays that do not belong together.
  public init(
    query: TensorReference, key: TensorReference, value: TensorReference,
    layout: TensorLayout = .batchHeadsTokens
  ) throws(TensorFileError) {
    tensors = [query, key, value]
    self.layout = layout
    var names: [String] = []
    for tensor in tensors where !names.contains(tensor.fileName) { names.append(tensor.fileName) }
    name = names.joined(separator: "+")
    var extents: [[Int]] = []
    for tensor in tensors {
      let stored = try layout.standard(tensor.read())
      if let q = extents.first { try stored.expect(extents: [q[0], nil, nil, nil]) }
      if extents.count == 1 { try stored.expect(extents: [nil, nil, nil, extents[0][3]]) }
      if extents.count == 2 {
        try stored.expect(extents: [nil, extents[1][1], extents[1][2], nil])
      }
      extents.append(stored.extents)
    }
    self.extents = extents
  }

  /// What a shape says against what the file holds, where it says anything.
  func comparisons(with file: ShapeFile) -> [(name: String, given: Int, found: Int)] {
    [
      ("batch", file.batch, extents[0][0]), ("heads", file.heads, extents[0][1]),
      ("keyValueHeads", file.keyValueHeads, extents[1][1]),
      ("length", file.length, extents[0][2]), ("keyLength", file.keyLength, extents[1][2]),
      ("headDim", file.headDim, extents[0][3]), ("valueDim", file.valueDim, extents[2][3]),
    ].compactMap { name, given, found in given.map { (name, $0, found) } }
  }

  func completing(_ file: ShapeFile) -> ShapeFile {
    var result = file
    result.batch = extents[0][0]
    result.heads = extents[0][1]
    result.keyValueHeads = extents[1][1]
    result.length = extents[0][2]
    result.keyLength = extents[1][2]
    result.headDim = extents[0][3]
    result.valueDim = extents[2][3]
    return result
  }

  /// The tensors in Float32 as `[batch, heads, sequence, headDim]`.
  func load() throws(TensorFileError) -> AttentionInputs {
    var loaded: [Tensor<Float>] = []
    for tensor in tensors {
      loaded.append(try Tensor(stored: layout.standard(tensor.read())))
    }
    return .queryKeyValue(query: loaded[0], key: loaded[1], value: loaded[2])
  }
}

extension Tensor<Float> {
  /// A stored tensor converted to Float32.
  public convenience init(stored: StoredTensor) throws(TensorFileError) {
    self.init(stored.extents)
    try stored.copyFloats(to: elements)
  }
}
