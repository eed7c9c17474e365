// SPDX-License-Identifier: MIT

import CZlib

/// Raw deflate compression in parts.
final class Deflater {
  private let file: String
  // zlib keeps the address of its state, so it may not move.
  private let state: UnsafeMutablePointer<z_stream>
  private let output: UnsafeMutableRawBufferPointer

  private static let outputBytes = 1 << 16

  init(file: String) throws(TensorFileError) {
    self.file = file
    state = .allocate(capacity: 1)
    state.initialize(to: z_stream())
    output = .allocate(byteCount: Self.outputBytes, alignment: 64)
    guard attn_deflate_init_raw(state) == Z_OK else {
      throw .outOfMemory(file: file, bytes: Self.outputBytes)
    }
  }

  deinit {
    deflateEnd(state)
    state.deallocate()
    output.deallocate()
  }

  /// Compresses all of `bytes`; the last part must be marked, once.
  func deflate(
    _ bytes: UnsafeRawBufferPointer, isLast: Bool, to sink: some ByteSink
  ) throws(TensorFileError) {
    var done = 0
    repeat {
      // zlib counts input in 32 bits.
      let part = min(bytes.count - done, 1 << 30)
      let input = bytes.baseAddress.map { $0 + done }
      state.pointee.next_in = UnsafeMutablePointer(
        mutating: input?.assumingMemoryBound(to: UInt8.self))
      state.pointee.avail_in = UInt32(part)
      done += part
      try drain(isLast && done == bytes.count ? Z_FINISH : Z_NO_FLUSH, to: sink)
    } while done < bytes.count
  }

  private func drain(_ flush: Int32, to sink: some ByteSink) throws(TensorFileError) {
    repeat {
      state.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
      state.pointee.avail_out = UInt32(output.count)
      guard CZlib.deflate(state, flush) != Z_STREAM_ERROR else {
        throw .cannotWrite(file: file, reason: "compression failed")
      }
      let filled = output.count - Int(state.pointee.avail_out)
      try sink.append(UnsafeRawBufferPointer(rebasing: output[..<filled]))
      // A full buffer means that there may be more.
    } while state.pointee.avail_out == 0
  }
}
