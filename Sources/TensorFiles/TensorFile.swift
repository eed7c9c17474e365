// SPDX-License-Identifier: MIT

/// Named tensors of one file, read when asked for.
public protocol TensorArchive: Sendable {
  /// The path as it was given.
  var file: String { get }
  /// Names of the arrays, in the order of the file.
  var names: [String] { get }
  /// - Throws: ``TensorFileError/missingArray(file:name:available:)`` if there is no such array.
  func tensor(_ name: String) throws(TensorFileError) -> StoredTensor
}

/// Reading when the format is not known beforehand: it is told by the first bytes of the file.
public enum TensorFile {
  /// The tensor at `path`; `name` chooses one of an archive that holds several.
  ///
  /// - Throws: ``TensorFileError/arrayNameNeeded(file:available:)`` if it holds several and `name`
  ///   is `nil`. A `.npy` file has no names: `name` must be `nil`.
  public static func read(
    path: String, name: String? = nil, options: TensorReadOptions = TensorReadOptions()
  ) throws(TensorFileError) -> StoredTensor {
    let source = try ByteSource(path: path)
    guard try format(source) != .npy else {
      if let name { throw .missingArray(file: path, name: name, available: []) }
      return try NumpyArray.read(RangeStream(source), options)
    }
    let archive = try archive(source, options)
    if let name { return try archive.tensor(name) }
    guard archive.names.count == 1 else {
      throw .arrayNameNeeded(file: path, available: archive.names)
    }
    return try archive.tensor(archive.names[0])
  }

  /// The archive at `path`, `.npz` or `.safetensors`.
  public static func archive(
    path: String, options: TensorReadOptions = TensorReadOptions()
  ) throws(TensorFileError) -> any TensorArchive {
    try archive(ByteSource(path: path), options)
  }

  private static func archive(
    _ source: ByteSource, _ options: TensorReadOptions
  ) throws(TensorFileError) -> any TensorArchive {
    switch try format(source) {
    case .npz: try NumpyArchive(source, options)
    case .safetensors: try SafetensorsArchive(source, options)
    case .npy:
      throw .badMagic(
        file: source.file, expected: .npz, firstBytes: try source.prefix(NumpyArray.magic.count))
    }
  }

  private static func format(_ source: ByteSource) throws(TensorFileError) -> TensorFileFormat {
    let start = try source.prefix(9)
    guard let format = TensorFileFormat(firstBytes: start) else {
      throw .unknownFormat(file: source.file, firstBytes: start)
    }
    return format
  }
}

extension TensorFileFormat {
  /// The format of a file that begins with `bytes`; nine are enough.
  init?(firstBytes bytes: [UInt8]) {
    if bytes.starts(with: NumpyArray.magic) {
      self = .npy
    } else if bytes.starts(with: [0x50, 0x4B, 3, 4]) || bytes.starts(with: [0x50, 0x4B, 5, 6]) {
      self = .npz
    } else if bytes.count > 8, bytes[8] == UInt8(ascii: "{") {
      self = .safetensors
    } else {
      return nil
    }
  }
}
