// SPDX-License-Identifier: MIT

import Foundation

/// Reads how long the threads of this process waited for a CPU, without allocating.
///
/// The scheduler counts to the nanosecond. A switch alone says nothing about the time that it cost,
/// and a thread that is woken while others run waits without any.
public final class WaitMeter {
  private let descriptors: [Int32]
  private let latest: UnsafeMutableBufferPointer<UInt64>
  private let buffer: UnsafeMutableRawBufferPointer

  /// Watches the threads that exist now; `folder` holds one folder per thread.
  public init(folder: String = "/proc/self/task") {
    let threads = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    // Every reading costs two microseconds per thread.
    descriptors = threads.sorted().prefix(1024)
      .map { open("\(folder)/\($0)/schedstat", O_RDONLY | O_CLOEXEC) }.filter { $0 >= 0 }
    latest = .allocate(capacity: descriptors.count)
    latest.initialize(repeating: 0)
    buffer = .allocate(byteCount: 128, alignment: 16)
  }

  deinit {
    for descriptor in descriptors { close(descriptor) }
    latest.deallocate()
    buffer.deallocate()
  }

  /// Time that the watched threads waited since they began, or nil where the kernel does not tell.
  ///
  /// A thread that ended keeps what it had.
  public func waitedNanoseconds() -> UInt64? {
    guard !descriptors.isEmpty else { return nil }
    var total: UInt64 = 0
    for place in descriptors.indices {
      if let waited = read(descriptors[place]) { latest[place] = waited }
      total += latest[place]
    }
    return total
  }

  /// The second number of the file: time on a CPU, time waiting, turns.
  private func read(_ descriptor: Int32) -> UInt64? {
    guard let base = buffer.baseAddress else { return nil }
    let count = pread(descriptor, base, buffer.count, 0)
    guard count > 0 else { return nil }
    var reader = ByteReader(bytes: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    guard reader.number() != nil else { return nil }
    reader.skipSpaces()
    return reader.number()
  }
}
