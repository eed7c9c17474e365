// SPDX-License-Identifier: MIT

import Foundation
import ResultStore
import Testing

/// Signals, missing rights, little memory and missing tools.
@Suite(.serialized) struct SignalTests {
  private static let signals = [SIGINT, SIGTERM, SIGHUP, SIGKILL]
  /// `make torture` asks for more.
  private static let rounds =
    ProcessInfo.processInfo.environment["ATTNBENCH_KILLS"].flatMap { Int($0) }.map { $0 / 4 } ?? 1

  @Test(arguments: signals)
  func everyRecordBeforeASignalIsKept(signal: Int32) throws {
    let command = try Command()
    defer { command.remove() }
    let count = 40 + 8 * Self.rounds
    try command.write(TinySuite.text(cases: count), to: "many.yaml")
    for _ in 0..<Self.rounds {
      let how = RunFolder(existing: command.path("runs/s")).hasHeader ? "--resume" : "--name"
      let process = try command.process(["run", "many.yaml", "--output", "runs", how, "s"])
      process.standardError = FileHandle.nullDevice
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      Thread.sleep(forTimeInterval: Double.random(in: 0.05...1.5))
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      // A run may have ended before; otherwise the signal is what ended it.
      #expect(process.terminationStatus == 0 || process.terminationStatus == signal)
    }
    let how = RunFolder(existing: command.path("runs/s")).hasHeader ? "--resume" : "--name"
    let last = try command.run("run", "many.yaml", "--output", "runs", how, "s")
    #expect(last.code == 0, "\(last.errors)")
    let contents = try RunFolder(existing: command.path("runs/s")).contents()
    #expect(contents.records.count == count && contents.replaced == 0)
    #expect(contents.problems.isEmpty)
  }

  @Test func aFolderThatCannotBeWrittenIsSaid() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(TinySuite.text(cases: 1), to: "tiny.yaml")
    // Root may write anywhere but not below a file, nor in the kernel's own file system.
    try command.write("", to: "file")
    for output in ["file", "/proc/runs", "/dev/null"] {
      let result = try command.run("run", "tiny.yaml", "--output", output)
      #expect(result.code == 1, "\(output): \(result.errors)")
      #expect(result.errors.contains("cannot be written"), "\(result.errors)")
    }
    guard getuid() != 0 else { return }
    try FileManager.default.createDirectory(
      atPath: command.path("locked"), withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o555])
    let result = try command.run("run", "tiny.yaml", "--output", "locked")
    #expect(result.code == 1)
  }

  /// Address spaces that are too small for the case, for the libraries, and for nothing.
  @Test func aLimitedAddressSpaceIsNoCrashOfACase() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(
      """
      suite: large
      machines: [h100]
      timing: { target: 90 %, minimumRounds: 2, maximumRounds: 2, timePerCase: 10 ms }
      cases:
        - shapes: { heads: 64, length: 16384, headDim: 128 }
          mechanisms: linear
      """, to: "large.yaml")
    let script = "ulimit -v 1500000; exec \"$@\""
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments =
      ["-c", script, "bash", try Command.binary.path]
      + ["run", "large.yaml", "--output", "runs", "--name", "little", "--threads", "1"]
    process.currentDirectoryURL = command.folder
    process.standardError = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 0)
    let record = try #require(
      try RunFolder(existing: command.path("runs/little")).contents().records.first)
    guard case .skipped(let reason) = record.status else {
      Issue.record("\(record.status)")
      return
    }
    #expect(reason.contains("of memory"))
  }

  /// No gnuplot, no valgrind, no compiler: numbers and tables all the same.
  @Test func missingToolsCostOnlyWhatTheyMake() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(TinySuite.text(cases: 1), to: "tiny.yaml")
    let result = try command.run(
      "run", "tiny.yaml", "--output", "runs", "--name", "bare",
      environment: ["PATH": command.folder.path])
    #expect(result.code == 0, "\(result.errors)")
    #expect(FileManager.default.fileExists(atPath: command.path("runs/bare/report.md")))
  }

  /// An inherited core that is wrong, or none at all, changes no result and no exit code.
  @Test(arguments: ["Prescott", "SkylakeX", "nonsense", ""])
  func inheritedBlasCoresDoNoHarm(core: String) throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(
      TinySuite.text(cases: 1).replacingOccurrences(
        of: "mechanisms: flash", with: "mechanisms: dense-blas"), to: "tiny.yaml")
    let result = try command.run(
      "verify", "tiny.yaml", "--output", "runs", environment: ["OPENBLAS_CORETYPE": core])
    #expect(result.code == 0, "\(result.errors)")
  }
}
