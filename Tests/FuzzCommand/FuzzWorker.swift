// SPDX-License-Identifier: MIT

import CPlatform
import Foundation
import HostileInput

/// Reads a range of inputs in this process, saying in shared memory which one it is at.
struct FuzzWorker {
  private let parser: HostileParser
  private let seed: UInt64
  private let range: Range<Int>
  private let progress: FuzzProgress

  /// Resident memory above which an input counts as a finding [byte].
  static let memoryLimit = 512 << 20

  /// - Parameter arguments: parser, seed, first input, end of inputs, file of the progress.
  init?(_ arguments: [String]) {
    guard arguments.count == 5, let seed = UInt64(arguments[1]), let first = Int(arguments[2]),
      let end = Int(arguments[3]), first <= end,
      let parser = HostileParser.all.first(where: { $0.name == arguments[0] }),
      let progress = FuzzProgress(file: arguments[4])
    else { return nil }
    self.parser = parser
    self.seed = seed
    self.progress = progress
    range = first..<end
  }

  /// - Returns: 0 at the end, 3 after an input that broke a rule, which is the one in the progress.
  func run() -> Int32 {
    let parent = getppid()
    for index in range {
      progress.begin(index)
      // Nobody listens any more.
      guard getppid() == parent else { return 1 }
      let input = parser.input(seed: seed, index: index)
      switch parser.attempt(input) {
      case .accepted: progress.count(accepted: true)
      case .refused: progress.count(accepted: false)
      case .unclear(let reason): return complain(reason)
      }
      if Self.peakBytes > Self.memoryLimit {
        return complain("the process took \(Self.peakBytes >> 20) MiB")
      }
    }
    progress.begin(range.upperBound)
    return 0
  }

  private func complain(_ reason: String) -> Int32 {
    FileHandle.standardError.write(Data((reason + "\n").utf8))
    return 3
  }

  private static var peakBytes: Int {
    var bytes: UInt64 = 0
    return cplatform_peak_resident(&bytes) == 0 ? Int(bytes) : .max
  }
}

/// Numbers that a process and its child both see, and the next process after them: the input at hand
/// and the counts of what became of the others.
final class FuzzProgress: Sendable {
  let file: String
  private let address: UInt
  private static let bytes = 4096

  init?(file: String) {
    let descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    guard ftruncate(descriptor, off_t(Self.bytes)) == 0,
      let memory = mmap(nil, Self.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
      memory != MAP_FAILED
    else { return nil }
    self.file = file
    address = UInt(bitPattern: memory)
  }

  deinit {
    munmap(UnsafeMutableRawPointer(bitPattern: address), Self.bytes)
  }

  var index: Int { read(0) }
  var accepted: Int { read(1) }
  var refused: Int { read(2) }
  var findings: Int { read(3) }

  func begin(_ index: Int) { write(0, index) }

  func count(accepted: Bool) {
    let place = accepted ? 1 : 2
    write(place, read(place) + 1)
  }

  func countFinding() { write(3, read(3) + 1) }

  private func read(_ place: Int) -> Int {
    UnsafeRawPointer(bitPattern: address)?.load(fromByteOffset: 8 * place, as: Int.self) ?? 0
  }

  private func write(_ place: Int, _ value: Int) {
    UnsafeMutableRawPointer(bitPattern: address)?
      .storeBytes(of: value, toByteOffset: 8 * place, as: Int.self)
  }
}
