// SPDX-License-Identifier: MIT

import Foundation
import ResultStore
import Testing

/// What goes wrong around a run: nothing that was measured is lost, and the message says what to do.
@Suite(.serialized) struct FaultTests {
  private static func records(_ command: Command, _ name: String) throws -> [CaseRecord] {
    try RunFolder(existing: command.path("runs/\(name)")).contents().records
  }

  @Test func aSecondRunIntoOneFolderIsRefusedAndDisturbsNothing() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(TinySuite.text(cases: 60), to: "tiny.yaml")
    let first = try command.process(["run", "tiny.yaml", "--output", "runs", "--name", "same"])
    first.standardError = FileHandle.nullDevice
    first.standardOutput = FileHandle.nullDevice
    try first.run()
    let journal = command.path("runs/same/journal.jsonl")
    while first.isRunning, !FileManager.default.fileExists(atPath: journal) { usleep(2000) }
    let second = try command.run("run", "tiny.yaml", "--output", "runs", "--name", "same")
    let third = try command.run("run", "tiny.yaml", "--output", "runs", "--resume", "same")
    first.waitUntilExit()
    #expect(first.terminationStatus == 0)
    for result in [second, third] where result.code != 0 {
      #expect(result.code == 1)
      #expect(result.errors.contains("another process (\(first.processIdentifier)) writes"))
      #expect(result.errors.contains("use another run name"))
    }
    // On a slow machine the last of them may begin after the first has ended, and then resumes it.
    #expect(second.code == 1)
    let records = try Self.records(command, "same")
    #expect(records.count == 60)
    let lines = try String(contentsOfFile: journal, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 60)
  }

  @Test func aFullDiskEndsTheRunWithAllRecordsThatFitted() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(TinySuite.text(cases: 30), to: "tiny.yaml")
    // A limit on the size of files stands in for the disk; KiB.
    let script = "trap '' XFSZ; ulimit -f 60; exec \"$@\""
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments =
      ["-c", script, "bash", try Command.binary.path]
      + ["run", "tiny.yaml", "--output", "runs", "--name", "full"]
    process.currentDirectoryURL = command.folder
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationStatus == 1)
    #expect(text.contains("journal.jsonl' cannot be written"), "\(text)")
    let fitted = try Self.records(command, "full")
    #expect(!fitted.isEmpty)
    #expect(fitted.count < 30)
    let resumed = try command.run("run", "tiny.yaml", "--output", "runs", "--resume", "full")
    #expect(resumed.code == 0, "\(resumed.errors)")
    let records = try Self.records(command, "full")
    #expect(records.count == 30)
    #expect(Array(records.prefix(fitted.count)) == fitted)
  }

  @Test func aClockThatJumpsEndsNoRunAndIsNoted() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(TinySuite.text(cases: 6), to: "tiny.yaml")
    // Each reading of the time of day is a day off, in turn forwards and backwards.
    try command.write(
      """
      #define _GNU_SOURCE
      #include <sys/syscall.h>
      #include <time.h>
      #include <unistd.h>
      static long readings;
      int clock_gettime(clockid_t clock, struct timespec *time) {
        int result = (int)syscall(SYS_clock_gettime, clock, time);
        if (clock == CLOCK_REALTIME)
          time->tv_sec += __sync_fetch_and_add(&readings, 1) % 2 ? 86400 : -86400;
        return result;
      }
      """, to: "jump.c")
    let compiler = Process()
    compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    compiler.arguments = [
      "clang", "-shared", "-fPIC", "-O1", command.path("jump.c"), "-o", command.path("jump.so"),
    ]
    try compiler.run()
    compiler.waitUntilExit()
    #expect(compiler.terminationStatus == 0)
    let result = try command.run(
      "run", "tiny.yaml", "--output", "runs", "--name", "jump", "--time-limit", "300",
      environment: ["LD_PRELOAD": command.path("jump.so")])
    #expect(result.code == 0, "\(result.errors)")
    let records = try Self.records(command, "jump")
    #expect(records.count == 6)
    #expect(Set(records.map { $0.execution.startedAt.prefix(10) }).count > 1, "no jump was seen")
    let imported = try command.run("history", "import", "runs", "--database", "h.sqlite")
    #expect(imported.code == 0, "\(imported.errors)")
    #expect(imported.errors.contains("the clock was set back by"))
  }

  @Test func aKilledGnuplotCostsThePicturesAlone() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(TinySuite.text(cases: 2), to: "tiny.yaml")
    try command.write("#!/bin/sh\nkill -9 $$\n", to: "gnuplot")
    chmod(command.path("gnuplot"), 0o755)
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    let result = try command.run(
      "run", "tiny.yaml", "--output", "runs", "--name", "plotless",
      environment: ["PATH": "\(command.folder.path):\(path)"])
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.errors.contains("gnuplot"))
    #expect(try Self.records(command, "plotless").count == 2)
    let files = try FileManager.default.contentsOfDirectory(
      atPath: command.path("runs/plotless"))
    #expect(files.contains("report.md"))
    #expect(!files.contains { $0.hasSuffix(".svg") || $0.contains("unfinished") })
  }

  @Test func aRunThatDiedBeforeItsFirstRecordCanBeResumed() throws {
    let command = try Command()
    defer { command.remove() }
    try command.write(TinySuite.text(cases: 2), to: "tiny.yaml")
    _ = try command.run(
      "run", "tiny.yaml", "--output", "runs", "--name", "early", "--time-limit", "0")
    try FileManager.default.removeItem(atPath: command.path("runs/early/journal.jsonl"))
    let result = try command.run("run", "tiny.yaml", "--output", "runs", "--resume", "early")
    #expect(result.code == 0, "\(result.errors)")
    #expect(try Self.records(command, "early").count == 2)
  }
}
