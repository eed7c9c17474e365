// SPDX-License-Identifier: MIT

import CZlib

/// Raw deflate data, decompressed as they are read.
final class InflateStream: ByteStream {
  let file: String
  let count: Int
  private let packed: RangeStream
  private var packedRemaining: Int
  // zlib keeps the address of its state, so it may not move; nor may its input.
  private let state: UnsafeMutablePointer<z_stream>
  private let input: UnsafeMutableRawBufferPointer
  private var hasEnded = false

  /// Deflate packs at most 258 bytes into 2 bits; more is no deflate stream.
  private static let maximumRatio = 1_032
  private static let inputBytes = 1 << 16

  init(_ packed: RangeStream, count: Int) throws(TensorFileError) {
    guard count / Self.maximumRatio <= packed.count else {
      throw .implausibleCompression(
        file: packed.file, storedBytes: packed.count, declaredBytes: count)
    }
    file = packed.file
    self.packed = packed
    self.count = count
    packedRemaining = packed.count
    state = .allocate(capacity: 1)
    state.initialize(to: z_stream())
    input = .allocate(byteCount: Self.inputBytes, alignment: 64)
    guard attn_inflate_init_raw(state) == Z_OK else {
      throw .outOfMemory(file: file, bytes: Self.inputBytes)
    }
  }

  deinit {
    inflateEnd(state)
    state.deallocate()
    input.deallocate()
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TensorFileError) {
    var done = 0
    while done < buffer.count {
      let written = try inflatePart(
        UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
      if written == 0, hasEnded {
        throw .corruptCompression(
          file: file, reason: "the data end before the declared \(count) bytes")
      }
      done += written
    }
  }

  func finish() throws(TensorFileError) {
    // The end mark may stand after the last byte of output.
    var spare: UInt8 = 0
    while !hasEnded {
      let written = try withUnsafeMutableBytes(of: &spare) { buffer in
        Result { () throws(TensorFileError) in try inflatePart(buffer) }
      }.get()
      guard written == 0 else {
        throw .corruptCompression(
          file: file, reason: "there is more than the declared \(count) bytes")
      }
    }
    guard packedRemaining == 0, state.pointee.avail_in == 0 else {
      throw .corruptCompression(
        file: file, reason: "unused bytes follow the compressed data")
    }
  }

  /// Decompresses into `buffer` until it is full or more input is needed.
  private func inflatePart(
    _ buffer: UnsafeMutableRawBufferPointer
  ) throws(TensorFileError) -> Int {
    if hasEnded { return 0 }
    try refill()
    let space = min(buffer.count, Int(UInt32.max))
    state.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
    state.pointee.avail_out = UInt32(space)
    let code = inflate(state, Z_NO_FLUSH)
    let written = space - Int(state.pointee.avail_out)
    switch code {
    case Z_STREAM_END:
      hasEnded = true
    case Z_OK where written > 0 || packedRemaining > 0 || state.pointee.avail_in > 0:
      break
    case Z_OK, Z_BUF_ERROR:
      throw .corruptCompression(file: file, reason: "the compressed data are cut short")
    default:
      throw .corruptCompression(
        file: file, reason: state.pointee.msg.map { String(cString: $0) } ?? "code \(code)")
    }
    return written
  }

  private func refill() throws(TensorFileError) {
    guard state.pointee.avail_in == 0, packedRemaining > 0 else { return }
    let part = min(packedRemaining, Self.inputBytes)
    try packed.read(into: UnsafeMutableRawBufferPointer(rebasing: input[..<part]))
    packedRemaining -= part
    state.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
    state.pointee.avail_in = UInt32(part)
  }
}
