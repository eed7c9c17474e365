// SPDX-License-Identifier: MIT

import Foundation
import Measurement
import Testing

struct WaitMeterTests {
  private func withFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("wait-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  private func write(_ text: String, thread: Int, in folder: URL) throws {
    let place = folder.appendingPathComponent("\(thread)")
    try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    let file = place.appendingPathComponent("schedstat").path
    // In place, so that a file that is open already shows it.
    if let handle = FileHandle(forWritingAtPath: file) {
      try handle.truncate(atOffset: 0)
      try handle.write(contentsOf: Data(text.utf8))
    } else {
      try Data(text.utf8).write(to: URL(fileURLWithPath: file))
    }
  }

  @Test func waitingOfAllThreadsIsAdded() throws {
    try withFolder { folder in
      try write("111 20 3\n", thread: 1, in: folder)
      try write("222 3 4\n", thread: 2, in: folder)
      let meter = WaitMeter(folder: folder.path)
      #expect(meter.waitedNanoseconds() == 23)
      try write("150 120 5\n", thread: 1, in: folder)
      #expect(meter.waitedNanoseconds() == 123)
    }
  }

  @Test func aThreadThatEndedKeepsWhatItHad() throws {
    try withFolder { folder in
      try write("111 20 3\n", thread: 1, in: folder)
      try write("222 3 4\n", thread: 2, in: folder)
      let meter = WaitMeter(folder: folder.path)
      #expect(meter.waitedNanoseconds() == 23)
      try write("", thread: 1, in: folder)
      #expect(meter.waitedNanoseconds() == 23)
    }
  }

  @Test func aKernelThatDoesNotTellIsUnknown() throws {
    #expect(WaitMeter(folder: "/nowhere").waitedNanoseconds() == nil)
  }

  @Test func threadsThatOutnumberTheirCPUWait() throws {
    guard FileManager.default.fileExists(atPath: "/proc/self/schedstat") else { return }
    let meter = WaitMeter()
    let before = try #require(meter.waitedNanoseconds())
    for _ in 0..<50 { usleep(100) }
    // Waking up takes some time, and waiting never shrinks.
    #expect(try #require(meter.waitedNanoseconds()) >= before)
  }
}
