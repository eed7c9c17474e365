// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// Files that are no files, and names that are no names: one clear error, at once.
@Suite(.serialized) struct HostileFileTests {
  private static let links = ["/dev/zero", "/dev/null", "pipe", ".", "loop", "gone", "empty.yaml"]

  private static func command() throws -> Command {
    let command = try Command()
    #expect(mkfifo(command.path("pipe"), 0o600) == 0)
    #expect(symlink("loop", command.path("loop")) == 0)
    try command.write("", to: "empty.yaml")
    try command.write(TinySuite.text(cases: 1), to: "tiny.yaml")
    return command
  }

  @Test(.timeLimit(.minutes(3)), arguments: links)
  func devicesPipesAndLoopsAreNoInputs(file: String) throws {
    let command = try Self.command()
    defer { command.remove() }
    for arguments in [
      ["run", file], ["run", "./\(file)"],
      ["simulate", "flash", "--length", "64", "--machine", "./\(file)"],
      ["apply", "flash", "--q", file, "--k", file, "--v", file, "--out", "o.npy"],
      ["exact", "tiny.yaml", "--reference", file, "--no-cachegrind"],
      ["machine", "show", "./\(file)"],
    ] {
      let result = try command.run(arguments)
      #expect(
        (1...2).contains(result.code) && !result.errors.isEmpty,
        "\(arguments): \(result.code) \(result.errors)")
    }
    #expect(!FileManager.default.fileExists(atPath: command.path("o.npy")))
  }

  @Test(arguments: [
    "../outside", "/tmp/outside", "a/b", "..", ".hidden", "", "\u{1B}[31m", "a\nb",
    String(repeating: "a", count: 101), "-x",
  ])
  func runNamesStayInTheirFolder(name: String) throws {
    let command = try Self.command()
    defer { command.remove() }
    let before = try FileManager.default.contentsOfDirectory(atPath: command.folder.path)
    let result = try command.run("run", "tiny.yaml", "--output", "runs", "--name=\(name)")
    #expect(result.code != 0)
    #expect(!result.errors.contains("\u{1B}"))
    let after = try FileManager.default.contentsOfDirectory(atPath: command.folder.path)
      .filter { !$0.hasPrefix("std") }
    #expect(Set(after).subtracting(before).isSubset(of: ["runs"]))
  }

  /// The suite's name becomes the default name of the run.
  @Test func aSuiteCannotNameAFolderOutside() throws {
    let command = try Self.command()
    defer { command.remove() }
    for name in ["../../evil", "/evil", "a\\u001b[2J"] {
      let text = TinySuite.text(cases: 1).replacingOccurrences(
        of: "suite: tiny", with: "suite: \"\(name)\"")
      try command.write(text, to: "evil.yaml")
      let result = try command.run("run", "evil.yaml", "--output", "runs")
      #expect(result.code != 0)
      #expect(!result.errors.contains("\u{1B}"))
    }
    let parent = command.folder.deletingLastPathComponent().path
    #expect(!FileManager.default.fileExists(atPath: parent + "/evil"))
  }

  /// What a terminal would obey is printed as text.
  @Test func messagesHoldNoControlCharacters() throws {
    let command = try Self.command()
    defer { command.remove() }
    for arguments in [
      ["describe", "fl\u{1B}[2Jash"], ["run", "\u{1B}]0;title\u{7}.yaml"],
      ["simulate", "moba", "--length", "64", "--set", "block\u{1B}Size=1"],
      ["run", "tiny.yaml", "--shard", "\u{1B}[2J"],
    ] {
      let result = try command.run(arguments)
      #expect(result.code == 2)
      #expect(!result.errors.unicodeScalars.contains { $0.value < 32 && $0 != "\n" && $0 != "\t" })
    }
  }

  @Test(arguments: [
    ["simulate", "flash", "--length", "-1"], ["simulate", "flash", "--length", "0"],
    ["simulate", "flash", "--length", "9223372036854775807"],
    ["simulate", "flash", "--length", "2147483647", "--heads", "2147483647"],
    ["simulate", "flash", "--grid", "2147483647x2147483647x2147483647"],
    ["simulate", "flash", "--grid", "0x4"], ["simulate", "flash", "--grid", "-3x-3"],
    ["simulate", "moba", "--length", "4096", "--causal", "--set", "blockSize=0"],
    [
      "simulate", "moba", "--length", "4096", "--causal", "--set", "blockSize=-9223372036854775808",
    ],
    ["simulate", "moba", "--length", "4096", "--causal", "--set", "topK=9223372036854775807"],
    ["simulate", "moba", "--length", "4096", "--causal", "--set", "blockSize=9223372036854775807"],
    ["simulate", "neighborhood", "--length", "4096", "--set", "window=9223372036854775807"],
    ["simulate", "flash", "--length", "64", "--scale", "nan"],
    ["simulate", "flash", "--length", "64", "--scale", "-inf"],
    ["run", "tiny.yaml", "--threads", "0"], ["run", "tiny.yaml", "--shard", "0/0"],
    ["run", "tiny.yaml", "--seed", "-1"],
  ])
  func sizesThatNoProblemHasAreRefused(arguments: [String]) throws {
    let command = try Self.command()
    defer { command.remove() }
    let result = try command.run(arguments)
    // A number may also be legal where it means "all": then there is a result.
    #expect(result.code == 2 || result.code == 0 && !result.output.isEmpty, "\(result.errors)")
    #expect(result.code == 0 || result.errors.hasPrefix("Error: "), "\(result.errors)")
  }

  /// A million tokens of a mask that is planned one by one: an error at once, not minutes.
  @Test(.timeLimit(.minutes(1)), arguments: ["radial", "sliding-tile", "swin-window", "bigbird"])
  func plansThatWouldTakeMinutesAreRefused(mechanism: String) throws {
    let command = try Self.command()
    defer { command.remove() }
    let result = try command.run("simulate", mechanism, "--grid", "100x100x100")
    #expect(result.code == 2)
    #expect(result.errors.contains("1000000"), "\(result.errors)")
    #expect(result.errors.contains("262144"), "\(result.errors)")
  }

  /// Programs that are no timing process: endless, chatty, of another time, dead.
  @Test(
    .timeLimit(.minutes(1)),
    arguments: [
      "exec tr '\\000' x </dev/zero", "echo usage: something else; sleep 1", "exit 3",
      #"echo '{"hello":{"version":"attnbench-worker/0","threads":1,"kernelTable":"x"}}'; sleep 1"#,
      #"echo '{"hello":{"version":7}}'"#, "kill -9 $$",
    ])
  func partnersThatAreNoneAreSaid(script: String) throws {
    let command = try Self.command()
    defer { command.remove() }
    try command.write("#!/bin/sh\n\(script)\n", to: "other")
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o755], ofItemAtPath: command.path("other"))
    let result = try command.run("ab", "tiny.yaml", "--base", command.path("other"))
    #expect(result.code == 2, "\(result.errors)")
    #expect(result.errors.contains("other'"), "\(result.errors)")
    #expect(result.errors.utf8.count < 2_000)
  }

  @Test(arguments: ["", "{}", "null", "[[[[", #"{"time":{}}"#, "\u{1B}[2J"])
  func aTimingProcessRefusesWhatIsNoRequest(line: String) throws {
    let command = try Self.command()
    defer { command.remove() }
    let process = try command.process(["measure-worker", "--threads", "1"])
    let (input, errors) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = FileHandle.nullDevice
    process.standardError = errors
    try process.run()
    try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
    try input.fileHandleForWriting.close()
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus != 0)
    #expect(text.contains("no request of attnbench-worker/1"), "\(text)")
    #expect(!text.contains("\u{1B}"))
  }
}
