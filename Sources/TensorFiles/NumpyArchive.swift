// SPDX-License-Identifier: MIT

/// Named arrays in NumPy's `.npz` format, a zip archive of `.npy` files.
///
/// Stored and deflated entries are read. Entries whose name does not end in `.npy` are no arrays
/// and are passed over.
public struct NumpyArchive: TensorArchive {
  public let file: String
  public let names: [String]
  private let source: ByteSource
  private let entries: [String: ZipEntry]
  private let options: TensorReadOptions

  /// Opens the archive at `path` and reads its directory; arrays are read when asked for.
  public init(
    path: String, options: TensorReadOptions = TensorReadOptions()
  ) throws(TensorFileError) {
    try self.init(ByteSource(path: path), options)
  }

  /// The archive in `bytes`; `file` is the name that errors carry.
  public init(
    bytes: [UInt8], file: String, options: TensorReadOptions = TensorReadOptions()
  ) throws(TensorFileError) {
    try self.init(ByteSource(bytes: bytes, file: file), options)
  }

  init(_ source: ByteSource, _ options: TensorReadOptions) throws(TensorFileError) {
    let start = try source.prefix(4)
    guard TensorFileFormat(firstBytes: start) == .npz else {
      throw .badMagic(file: source.file, expected: .npz, firstBytes: start)
    }
    var names: [String] = []
    var entries: [String: ZipEntry] = [:]
    for entry in try ZipDirectory(source).entries where entry.name.hasSuffix(".npy") {
      let name = String(entry.name.dropLast(4))
      guard entries.updateValue(entry, forKey: name) == nil else {
        throw .duplicateArray(file: source.file, name: name)
      }
      names.append(name)
    }
    file = source.file
    self.names = names
    self.source = source
    self.entries = entries
    self.options = options
  }

  public func tensor(_ name: String) throws(TensorFileError) -> StoredTensor {
    guard let entry = entries[name] else {
      throw .missingArray(file: file, name: name, available: names)
    }
    let label = "\(file):\(name)"
    guard entry.bytes <= options.maximumBytes else {
      throw .exceedsLimit(file: label, bytes: entry.bytes, limit: options.maximumBytes)
    }
    return try NumpyArray.read(ZipEntryStream(source, entry, file: label), options)
  }
}
