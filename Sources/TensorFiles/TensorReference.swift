// SPDX-License-Identifier: MIT

/// A tensor in a file: the file's path and, where it holds several, the tensor's name.
public struct TensorReference: Hashable, Sendable {
  public let path: String
  public let name: String?

  public init(path: String, name: String? = nil) {
    self.path = path
    self.name = name
  }

  /// `q.npy`, or `capture.npz:q` and `model.safetensors:layers.0.q` with a name.
  ///
  /// What follows the first colon after one of the three endings is the name.
  public init(_ text: String) {
    for ending in [".npz:", ".safetensors:"] {
      guard let place = text.firstRange(of: ending) else { continue }
      let path = text[..<place.upperBound].dropLast()
      self.init(path: String(path), name: String(text[place.upperBound...]))
      return
    }
    self.init(path: text)
  }

  /// - Throws: ``TensorFileError`` of ``TensorFile/read(path:name:options:)``.
  public func read() throws(TensorFileError) -> StoredTensor {
    try TensorFile.read(path: path, name: name)
  }

  /// The file's name without its folders.
  public var fileName: String { String(path.split(separator: "/").last ?? "") }
}
