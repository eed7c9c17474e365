// SPDX-License-Identifier: MIT

/// Version of the `.npy` format; every NumPy reads version 1.
public enum NumpyVersion: Int, Sendable, CaseIterable {
  case one = 1
  case two, three
}

extension NumpyArray {
  /// Writes `tensor` in row-major order; the file appears whole or not at all.
  ///
  /// bfloat16 is written as `<u2`, its bits: read it back with
  /// ``TensorReadOptions/readsUInt16AsBFloat16``.
  public static func write(
    _ tensor: StoredTensor, to path: String, version: NumpyVersion = .one
  ) throws(TensorFileError) {
    let output = try AtomicFile(path: path)
    try encode(tensor, version, to: output)
    try output.commit()
  }

  /// The bytes that ``write(_:to:version:)`` writes.
  public static func encode(_ tensor: StoredTensor, version: NumpyVersion = .one) -> [UInt8] {
    var bytes = header(of: tensor, version)
    bytes.reserveCapacity(bytes.count + tensor.byteCount)
    tensor.withBytes { bytes.append(contentsOf: $0) }
    return bytes
  }

  static func encode(
    _ tensor: StoredTensor, _ version: NumpyVersion, to sink: some ByteSink
  ) throws(TensorFileError) {
    try sink.append(header(of: tensor, version))
    try sink.append(UnsafeRawBufferPointer(tensor.storage.bytes))
  }

  /// Everything before the elements, padded so that they begin at a multiple of 64 bytes.
  static func header(of tensor: StoredTensor, _ version: NumpyVersion) -> [UInt8] {
    let extents = tensor.extents.map(String.init)
    let shape = extents.count == 1 ? "(\(extents[0]),)" : "(\(extents.joined(separator: ", ")))"
    let descriptor = NumpyElement.descriptor(of: tensor.elementType)
    var text = "{'descr': '\(descriptor)', 'fortran_order': False, 'shape': \(shape), }"
    let lengthBytes = version == .one ? 2 : 4
    let unpadded = magic.count + 2 + lengthBytes + text.utf8.count + 1
    text += String(repeating: " ", count: (64 - unpadded % 64) % 64) + "\n"
    let length = littleEndianBytes(text.utf8.count, count: lengthBytes)
    return magic + [UInt8(version.rawValue), 0] + length + Array(text.utf8)
  }
}

/// The lowest `count` bytes of `value`, lowest first.
func littleEndianBytes(_ value: Int, count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}
