// SPDX-License-Identifier: MIT

/// How the entries of an archive are packed.
public enum ArchiveCompression: Sendable, CaseIterable {
  /// As they are: fast, and what `numpy.savez` does.
  case stored
  /// With deflate, as `numpy.savez_compressed` does.
  case deflated
}

extension NumpyArchive {
  /// Writes named tensors; the file appears whole or not at all.
  ///
  /// The same tensors give the same bytes: entries carry a fixed date.
  ///
  /// - Throws: ``TensorFileError/duplicateArray(file:name:)`` or
  ///   ``TensorFileError/unusableArrayName(file:name:)`` before anything is written.
  public static func write(
    _ arrays: [(name: String, tensor: StoredTensor)], to path: String,
    compression: ArchiveCompression = .stored
  ) throws(TensorFileError) {
    try check(arrays.map(\.name), file: path)
    let output = try AtomicFile(path: path)
    try write(arrays, to: output, compression, file: path)
    try output.commit()
  }

  /// The bytes that ``write(_:to:compression:)`` writes.
  public static func encode(
    _ arrays: [(name: String, tensor: StoredTensor)], compression: ArchiveCompression = .stored
  ) throws(TensorFileError) -> [UInt8] {
    try check(arrays.map(\.name), file: "archive")
    let sink = MemorySink()
    try write(arrays, to: sink, compression, file: "archive")
    return sink.bytes
  }

  private static func check(_ names: [String], file: String) throws(TensorFileError) {
    var seen: Set<String> = []
    for name in names {
      guard !name.isEmpty, name.utf8.count <= 65_000, !name.utf8.contains(0) else {
        throw .unusableArrayName(file: file, name: name)
      }
      guard seen.insert(name).inserted else { throw .duplicateArray(file: file, name: name) }
    }
  }

  private static func write(
    _ arrays: [(name: String, tensor: StoredTensor)], to sink: some ByteSink,
    _ compression: ArchiveCompression, file: String
  ) throws(TensorFileError) {
    var writer = ZipWriter(sink)
    for (name, tensor) in arrays {
      let header = NumpyArray.header(of: tensor, .one)
      try writer.append(
        name: name + ".npy", header: header,
        contents: UnsafeRawBufferPointer(tensor.storage.bytes), compression, file: file)
    }
    try writer.finish()
  }
}
