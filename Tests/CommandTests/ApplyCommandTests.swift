// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import TensorFiles
import Testing

@Suite struct ApplyCommandTests {
  private func store(
    _ command: Command, _ name: String, _ extents: [Int], stream: String? = nil
  ) throws {
    var generator = SplitMix64(seed: Seed(3).child(stream ?? name))
    let values = (0..<extents.reduce(1, *)).map { _ in generator.normal() }
    try NumpyArray.write(
      try StoredTensor(extents: extents, elements: values), to: command.path(name))
  }

  private func heads(_ command: Command, tokens: Int, headDim: Int = 32) throws {
    for name in ["q.npy", "k.npy", "v.npy"] {
      try store(command, name, [1, 2, tokens, headDim])
    }
  }

  /// The kernel and the oracle on the same files, and how far they are apart.
  private func difference(_ command: Command, _ arguments: [String]) throws -> Double {
    let kernel = try run(command, arguments + ["--out", "o.npy"])
    #expect(kernel.code == 0, "\(kernel.errors)")
    let oracle = try run(command, arguments + ["--oracle", "--out", "r.npy"])
    #expect(oracle.code == 0, "\(oracle.errors)")
    let output = try TensorFile.read(path: command.path("o.npy")).doubles()
    let reference = try TensorFile.read(path: command.path("r.npy")).doubles()
    try #require(output.count == reference.count)
    let error = zip(output, reference).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return (error / reference.reduce(0) { $0 + $1 * $1 }).squareRoot()
  }

  private func run(_ command: Command, _ arguments: [String]) throws -> Command.Result {
    let process = try command.process(["apply"] + arguments)
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return Command.Result(code: process.terminationStatus, output: "", errors: text)
  }

  private static let qkv = ["--q", "q.npy", "--k", "k.npy", "--v", "v.npy"]

  @Test(arguments: [
    (["flash"], 150, 3e-6),
    (["flash", "--causal", "--scale", "0.3"], 150, 3e-6),
    (
      [
        "neighborhood", "--grid", "12x15", "--set", "window=4x6", "--set", "dilation=1x2",
        "--set", "stride=1x1",
      ], 180, 3e-6
    ),
    (["moba", "--causal", "--set", "blockSize=64", "--set", "topK=3"], 300, 3e-6),
    (["sage1", "--set", "variant=B", "--set", "smoothKey=true"], 150, 4e-3),
    (["performer", "--causal", "--set", "features=48"], 150, 1e-4),
    (["linear", "--causal"], 150, 1e-5),
    (["lightning", "--causal"], 150, 1e-5),
  ])
  func kernelAndOracleAgree(arguments: [String], tokens: Int, tolerance: Double) throws {
    let command = try Command()
    defer { command.remove() }
    try heads(command, tokens: tokens)
    // Tolerances as in the verification of suites: one per precision and feature map.
    #expect(try difference(command, arguments + Self.qkv) <= tolerance)
  }

  @Test(arguments: ["fnet", "fftnet"])
  func mixersTakeTokenFeatures(id: String) throws {
    let command = try Command()
    defer { command.remove() }
    try store(command, "x.npy", [2, 65, 24])
    #expect(try difference(command, [id, "--x", "x.npy", "--heads", "3"]) <= 2e-6)
    #expect(try run(command, [id] + Self.qkv + ["--out", "o.npy"]).code == 2)
  }

  @Test func weightsComeFromTheFileWhereGiven() throws {
    let command = try Command()
    defer { command.remove() }
    try heads(command, tokens: 100)
    var generator = SplitMix64(seed: Seed(9))
    let projection = try StoredTensor(
      extents: [40, 32], elements: (0..<40 * 32).map { _ in generator.normal() })
    try NumpyArchive.write([("projection", projection)], to: command.path("w.npz"))
    // The number of features follows from the file.
    let arguments = ["performer", "--causal", "--weights", "w.npz"]
    #expect(try difference(command, arguments + Self.qkv) <= 1e-4)
    let wrong = try run(
      command,
      ["performer", "--weights", "w.npz", "--set", "features=41", "--out", "o.npy"] + Self.qkv)
    #expect(wrong.code == 2)
    #expect(wrong.errors.contains("[40, 32]"))
  }

  @Test func slopesOfLightningComeFromTheFile() throws {
    let command = try Command()
    defer { command.remove() }
    try heads(command, tokens: 100)
    let slopes = try StoredTensor(extents: [2], elements: [Float(0.25), 0.0625])
    try NumpyArchive.write([("slopes", slopes)], to: command.path("w.npz"))
    #expect(
      try difference(command, ["lightning", "--causal", "--weights", "w.npz"] + Self.qkv) <= 1e-5)
  }

  @Test func badTensorsAreRefusedBeforeAnyWork() throws {
    let command = try Command()
    defer { command.remove() }
    try heads(command, tokens: 20)
    try store(command, "k.npy", [1, 2, 20, 16])
    let shape = try run(command, ["flash", "--out", "o.npy"] + Self.qkv)
    #expect(shape.code == 2)
    #expect(shape.errors.contains("k.npy"))
    try Data("no tensor".utf8).write(to: URL(fileURLWithPath: command.path("k.npy")))
    #expect(try run(command, ["flash", "--out", "o.npy"] + Self.qkv).code == 2)
    var values = [Float](repeating: 1, count: 1 * 2 * 20 * 32)
    values[7] = .nan
    try NumpyArray.write(
      try StoredTensor(extents: [1, 2, 20, 32], elements: values), to: command.path("k.npy"))
    let notANumber = try run(command, ["flash", "--out", "o.npy"] + Self.qkv)
    #expect(notANumber.code == 2)
    #expect(notANumber.errors.lowercased().contains("nan"))
    #expect(!FileManager.default.fileExists(atPath: command.path("o.npy")))
  }

  /// `[tokens, heads, width]` with the elements of `[1, heads, tokens, width]`.
  private func turned(_ tensor: StoredTensor) throws -> StoredTensor {
    try TensorLayout.tokensHeads.arranged(tensor)
  }

  @Test func groupedHeadsOfAnyLayoutAndFileGiveTheSameOutput() throws {
    let command = try Command()
    defer { command.remove() }
    try store(command, "q.npy", [1, 4, 50, 16])
    try store(command, "k.npy", [1, 2, 50, 16])
    try store(command, "v.npy", [1, 2, 50, 16])
    var arrays: [(name: String, tensor: StoredTensor)] = []
    for name in ["q", "k", "v"] {
      let tensor = try turned(TensorFile.read(path: command.path("\(name).npy")))
      try NumpyArray.write(tensor, to: command.path("\(name)-nhd.npy"))
      arrays.append((name, tensor))
    }
    try NumpyArchive.write(arrays, to: command.path("c.npz"))
    let plain = ["flash", "--causal"]
    let forms: [[String]] = [
      ["--layout", "NHD", "--q", "q-nhd.npy", "--k", "k-nhd.npy", "--v", "v-nhd.npy"],
      ["--layout", "NHD", "--qkv", "c.npz"],
      ["--layout", "NHD", "--q", "c.npz:q", "--k", "c.npz:k", "--v", "c.npz:v"],
    ]
    #expect(try run(command, plain + Self.qkv + ["--out", "o.npy"]).code == 0)
    let expected = try turned(TensorFile.read(path: command.path("o.npy")))
    for form in forms {
      let result = try run(command, plain + form + ["--out", "p.npy"])
      #expect(result.code == 0, "\(result.errors)")
      let output = try TensorFile.read(path: command.path("p.npy"))
      #expect(output.extents == [50, 4, 16])
      #expect(try output.floats() == expected.floats())
    }
    let both = try run(command, plain + Self.qkv + ["--qkv", "c.npz", "--out", "p.npy"])
    #expect(both.code == 2 && both.errors.contains("not both"))
    let axes = try run(command, plain + ["--qkv", "c.npz", "--out", "p.npy"])
    #expect(axes.code == 2 && axes.errors.contains("HND or NHD"), "\(axes.errors)")
  }

  @Test func aSuiteTakesFilesOfALayout() throws {
    let command = try Command()
    defer { command.remove() }
    for (name, heads) in [("q", 4), ("k", 2), ("v", 2)] {
      try store(command, "\(name).npy", [50, heads, 16])
    }
    try command.write(
      """
      suite: mine
      machines: [h100]
      cases:
        - inputs: { query: q.npy, key: k.npy, value: v.npy, layout: NHD }
          shapes: { causal: true }
          mechanisms: [flash, linear]
      """, to: "mine.yaml")
    let result = try command.run("verify", "mine.yaml")
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.errors.contains("flash@1x4x50x16,kvHeads=2,causal/q.npy+k.npy+v.npy"))
    try command.write(
      """
      suite: mine
      cases:
        - inputs: { query: q.npy, key: k.npy, value: v.npy, layout: NDH }
          mechanisms: [flash]
      """, to: "wrong.yaml")
    let wrong = try command.run("verify", "wrong.yaml")
    #expect(wrong.code == 2)
    #expect(wrong.errors.contains("wrong.yaml:3:"), "\(wrong.errors)")
    #expect(wrong.errors.contains("BNHD"), "\(wrong.errors)")
  }
}
