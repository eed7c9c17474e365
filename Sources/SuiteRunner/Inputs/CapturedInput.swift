// SPDX-License-Identifier: MIT

import AttentionCore
import TensorFiles

/// Query, key and value of a `.npz` or `.safetensors` file, checked against each other.
public struct CapturedInput: Hashable, Sendable {
  /// The file's name without its folders.
  public let name: String
  let path: String
  let names: [String]
  let extents: [[Int]]

  /// - Throws: ``TensorFileError`` for a bad file, a missing array, a wrong rank, NaN or infinity,
  ///   or arrays that do not belong together.
  public init(path: String, query: String, key: String, value: String) throws {
    name = String(path.split(separator: "/").last ?? "")
    self.path = path
    names = [query, key, value]
    let archive = try TensorFile.archive(path: path)
    var extents: [[Int]] = []
    for name in names {
      extents.append(try archive.tensor(name).expect(rank: 4).extents)
    }
    let (q, k) = (extents[0], extents[1])
    _ = try archive.tensor(key).expect(extents: [q[0], nil, nil, q[3]])
    _ = try archive.tensor(value).expect(extents: [q[0], k[1], k[2], nil])
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

  /// The tensors in Float32.
  func load() throws(TensorFileError) -> AttentionInputs {
    let archive = try TensorFile.archive(path: path)
    var tensors: [Tensor<Float>] = []
    for name in names {
      tensors.append(try Tensor(stored: archive.tensor(name)))
    }
    return .queryKeyValue(query: tensors[0], key: tensors[1], value: tensors[2])
  }
}

extension Tensor<Float> {
  /// A stored tensor converted to Float32.
  public convenience init(stored: StoredTensor) throws(TensorFileError) {
    self.init(stored.extents)
    try stored.copyFloats(to: elements)
  }
}
