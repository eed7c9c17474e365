// SPDX-License-Identifier: MIT

import AttentionMechanisms
import Foundation
import Testing

@Suite struct SimulateCommandTests {
  private static let video = [
    "simulate", "neighborhood", "--grid", "30x48x80", "--set", "window=18x24x24",
  ]
  private static let videoTiles = ["--query-tile", "4x8x8", "--key-tile", "2x8x8"]

  private func run(_ command: Command, _ arguments: [String]) throws -> Command.Result {
    let process = Process()
    process.executableURL = try Command.binary
    process.arguments = arguments
    process.currentDirectoryURL = command.folder
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let notes = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return Command.Result(code: process.terminationStatus, output: text, errors: notes)
  }

  private func withCommand<Value>(_ body: (Command) throws -> Value) throws -> Value {
    let command = try Command()
    defer { command.remove() }
    return try body(command)
  }

  private func object(_ arguments: [String]) throws -> [String: Any] {
    try withCommand { command in
      let result = try run(command, arguments + ["--format", "json"])
      #expect(result.code == 0, "\(result.errors)")
      return try #require(
        try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    }
  }

  @Test func theSearchPrintsThePublishedList() throws {
    let object = try object(Self.video + Self.videoTiles + ["--search", "stride,tiles"])
    let front = try #require(object["front"] as? [[String: Any]])
    #expect(
      front.compactMap { $0["stride"] as? String } == [
        "1x1x1", "2x1x1", "1x1x8", "2x1x8", "1x8x8", "2x8x8", "16x8x8",
      ])
    #expect(front.allSatisfy { $0["queryTile"] as? String == "4x8x8" })
    let table = try withCommand {
      try run($0, Self.video + Self.videoTiles + ["--search", "stride"])
    }
    #expect(table.output.contains("16x8x8  4x8x8       2x8x8     11.11"))
  }

  @Test func tileShapesAreSearchedWhereNoneIsGiven() throws {
    let object = try object(Self.video + ["--search", "tiles"])
    let front = try #require(object["front"] as? [[String: Any]])
    #expect(front.count > 1)
    #expect(front.allSatisfy { $0["stride"] as? String == "1x1x1" })
    let bounds = front.compactMap { $0["worstTileBound"] as? Double }
    #expect(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 })
  }

  @Test(arguments: [
    (["simulate", "moba", "--length", "1024", "--causal", "--search", "stride"], "no window"),
    (video + ["--search", "size"], "give stride, tiles or stride,tiles"),
    (video + ["--search", "stride", "--tiling", "flat"], "flat tiles mix the axes"),
    (video + ["--query-tile", "4x8x8"], "belong together"),
    (
      video + ["--query-tile", "64x8x8", "--key-tile", "2x8x8"],
      "axis 0 has 30 positions, so a tile spans at most 32 of it"
    ),
    (video + ["--query-tile", "8x8", "--key-tile", "8x8"], "which has 2 axes; expected 3"),
    (
      ["simulate", "linear", "--length", "64", "--query-tile", "8", "--key-tile", "8"],
      "keys are summed into a state"
    ),
    (["simulate", "flash", "--length", "64", "--machine", "h101"], "did you mean 'h100'"),
    (["simulate", "flash", "--length", "64", "--partition", "ring"], "need --devices"),
    (["simulate", "flash", "--length", "64", "--devices", "1"], "give at least 2"),
    (
      ["simulate", "linear", "--length", "64", "--devices", "2", "--partition", "ring"],
      "try lasp-2"
    ),
    (
      [
        "simulate", "flash", "--length", "64", "--query-tile", "24", "--key-tile", "8",
        "--machine", "h100",
      ], "query tile 24 has 24 tokens; on machine 'h100' it must be a multiple of 64"
    ),
    (
      ["simulate", "neighborhood", "--grid", "16x16", "--set", "window=17x5"], "17"
    ),
    (
      ["simulate", "neighborhood", "--grid", "16x16", "--set", "window=5x5", "stride=6x1"], "6"
    ),
    (["simulate", "flash", "--length", "0"], "it must be at least 1"),
    (["simulate", "flash", "--grid", "16x0"], "16x0"),
    (["simulate", "flash", "--length", "3000000000"], "at most 2147483647"),
    (["simulate", "flash", "--length", "2000000000"], "exceeds 64 bits"),
    (["simulate", "flash", "--length", "64", "--heads", "70000"], "at most 65536"),
    (["simulate", "flash", "--length", "64", "--head-dim", "70000"], "at most 65536"),
    (
      [
        "simulate", "cottention", "--length", "64", "--batch", "500", "--heads", "65536",
        "--head-dim", "65536",
      ], "of all rows"
    ),
    (
      ["simulate", "inline", "--grid", "8x8", "--set", "kernel=2147483647"], "from 1 to 1023"
    ),
    (["simulate", "flash", "--grid", "9999999999x99999999999"], "exceed 64 bits"),
    (
      ["simulate", "neighborhood", "--grid", "16x16", "--set", "window=0x5"],
      "on axis 0 it must be at least 1"
    ),
    (
      ["simulate", "flash", "--length", "2000000000", "--heads", "64", "--batch", "64"],
      "does not fit in memory"
    ),
    (["simulate", "flash", "--length", "64", "--machine", "none.yaml"], "none.yaml"),
    (["simulate", "flesh", "--length", "64"], "Did you mean 'flash'"),
  ])
  func whatDoesNotFitIsRefusedWithTheRule(arguments: [String], expected: String) throws {
    let result = try withCommand { try run($0, arguments) }
    #expect(result.code == 2)
    #expect(result.errors.contains(expected), "\(result.errors)")
    #expect(result.output.isEmpty)
  }

  @Test func everyFieldIsThereAndEveryMechanismHasBoundsOrReasons() throws {
    let fields = [
      "attendedPairs", "tilesTotal", "tilesVisited", "tilesFull", "tilesWorst", "flopBound",
      "tileBound", "worstTileBound", "perfectlyBlockSparse",
    ]
    for entry in MechanismCatalogue.entries {
      // Some know only video: 8 frames of 16x16 are as many tokens.
      let isVideo = ["radial", "sparse-videogen", "vmoba", "dsv"].contains(entry.id)
      let tokens = isVideo ? ["--grid", "8x16x16"] : ["--length", "2048"]
      var arguments = ["simulate", entry.id] + tokens + ["--machine", "h100"]
      if !entry.card.patterns.contains(.noncausalSelf) { arguments.append("--causal") }
      // A shape of its own: all query heads share one key-value head.
      if entry.id == "mqa" { arguments += ["--key-value-heads", "1"] }
      let object = try object(arguments)
      for field in fields {
        let reason = (object[field] as? [String: Any])?["absent"] as? String
        #expect(object[field] is NSNumber || reason?.isEmpty == false, "\(entry.id): \(field)")
      }
      let machine = try #require((object["machines"] as? [[String: Any]])?.first)
      if entry.id == "sage3" {
        // The machine has no FP4 units.
        let reason = (machine["rooflineBound"] as? [String: Any])?["absent"] as? String
        #expect(reason?.contains("fp4") == true)
        continue
      }
      #expect(machine["rooflineBound"] is NSNumber, "\(entry.id)")
      #expect((machine["bindingCeiling"] as? String)?.isEmpty == false, "\(entry.id)")
    }
  }

  @Test func causalAxesAndTilingsChangeTheCountsAsDefined() throws {
    let image = ["simulate", "neighborhood", "--grid", "16x16", "--set", "window=5x5"]
    let tiles = ["--query-tile", "4x4", "--key-tile", "4x4"]
    let plain = try object(image + tiles)
    let causal = try object(image + ["causalAxes=0"] + tiles)
    // On the causal axis a query sees min(i + 1, 5) positions, 70 over all 16; on the other 5 each.
    #expect(plain["attendedPairs"] as? Int == 16 * 5 * 16 * 5)
    #expect(causal["attendedPairs"] as? Int == 70 * 16 * 5)
    let dynamic = try object(image + tiles + ["--tiling", "dynamic"])
    let visited = try #require(plain["tilesVisited"] as? Int)
    #expect(try #require(dynamic["tilesVisited"] as? Int) <= visited)
    let curse = try object([
      "simulate", "neighborhood", "--grid", "128x128", "--set", "window=13x13", "--query-tile",
      "128", "--key-tile", "128", "--tiling", "flat",
    ])
    // A mask density of 1.0 % becomes a tile density of 10.16 %.
    #expect(curse["tilesVisited"] as? Int == 1664)
    #expect(curse["tilesTotal"] as? Int == 16384)
    let sequence = try object(["simulate", "flash", "--length", "1024", "--causal"])
    #expect(sequence["attendedPairs"] as? Int == 1024 * 1025 / 2)
  }

  @Test func severalDevicesArePricedBesideEachMachine() throws {
    let arguments = [
      "simulate", "flash", "--length", "131072", "--causal", "--heads", "32", "--head-dim", "128",
      "--devices", "8", "--machine", "h100",
    ]
    let ring = try object(arguments + ["--partition", "ring"])
    let striped = try object(arguments + ["--partition", "striped"])
    func group(_ object: [String: Any]) throws -> [String: Any] {
      let machine = try #require((object["machines"] as? [[String: Any]])?.first)
      return try #require(machine["sequenceParallel"] as? [String: Any])
    }
    // 16,384 tokens of 32 heads, 256 channels, 2 bytes.
    #expect(try group(ring)["bytesPerMessage"] as? Double == 16_384 * 32 * 256 * 2)
    #expect(try group(ring)["communicationBindsFrom"] as? Int == 60)
    #expect(try #require(try group(ring)["speedUp"] as? Double) < 4.3)
    #expect(try #require(try group(striped)["speedUp"] as? Double) > 7.9)
    let table = try withCommand { try run($0, arguments) }
    #expect(table.output.contains("8 devices, ring"))
    #expect(table.output.contains("NVLink 4"))
  }

  @Test func aSuiteIsSimulatedOnOtherMachinesThanItsOwn() throws {
    try withCommand { command in
      let suite = command.folder.appending(path: "suite.yaml")
      let text = """
        suite: small
        machines: h100
        cases:
          - shapes: { heads: 2, length: 256, headDim: 64 }
            mechanisms: [flash, linear]

        """
      try text.write(to: suite, atomically: true, encoding: .utf8)
      let result = try run(
        command, ["simulate", "suite.yaml", "--machine", "zen5", "--filter", "linear"])
      #expect(result.code == 0, "\(result.errors)")
      #expect(result.output.contains("zen5"))
      #expect(!result.output.contains("h100"))
      #expect(!result.output.contains("flash"))
      let wrong = try run(command, ["simulate", "suite.yaml", "--length", "64"])
      #expect(wrong.code == 2)
      #expect(wrong.errors.contains("--length is for one mechanism"))
    }
  }

  @Test func blockSelectionShowsItsExpectation() throws {
    let object = try object(["simulate", "moba", "--length", "8192", "--causal"])
    let expected = try #require(object["expected"] as? [String: Any])
    #expect(try #require(expected["tileBound"] as? Double) > 1)
    #expect(object["tilesVisited"] is [String: Any])
  }

  @Test func aMachineFileOfTheUsersIsAccepted() throws {
    try withCommand { command in
      let file = try run(command, ["machine", "show", "h100"]).output
      try command.write(
        file.replacingOccurrences(of: "989 TFLOP/s", with: "1978 TFLOP/s"), to: "mine.yaml")
      let result = try run(
        command, ["simulate", "flash", "--length", "4096", "--machine", "mine.yaml"])
      #expect(result.code == 0, "\(result.errors)")
      #expect(result.output.contains("mine"))
      try command.write(file.replacingOccurrences(of: "clock:", with: "clok:"), to: "bad.yaml")
      let bad = try run(
        command, ["simulate", "flash", "--length", "4096", "--machine", "bad.yaml"])
      #expect(bad.code == 2)
      #expect(bad.errors.contains("bad.yaml:") && bad.errors.contains("clok"), "\(bad.errors)")
    }
  }

  @Test func theRooflineOfAMachineIsDrawn() throws {
    try withCommand { command in
      let drawn = try run(command, ["machine", "show", "b200", "--plot", "b200.svg"])
      #expect(drawn.code == 0, "\(drawn.errors)")
      let picture = try String(contentsOfFile: command.path("b200.svg"), encoding: .utf8)
      #expect(picture.contains("bfloat16"))
      #expect(picture.contains("HBM3e 8000 GB/s"))
      #expect(!picture.contains("exponential"))
      #expect(try run(command, ["machine", "show", "b200", "--plot", "b200.pdf"]).code == 2)
      #expect(try run(command, ["machine", "show", "b201"]).errors.contains("b200"))
    }
  }

  @Test func theModelSuiteIsSimulatedWhole() throws {
    try withCommand { command in
      let suite = Command.root.appendingPathComponent("Suites/models.yaml").path
      let result = try run(command, ["run", suite, "--output", "runs", "--name", "models"])
      #expect(result.code == 0, "\(result.errors)")
      let page = try String(contentsOfFile: command.path("runs/models/report.md"), encoding: .utf8)
      #expect(!page.contains("failed"))
      #expect(page.contains("](bound-map.svg)"))
    }
  }

  @Test func publishedFiguresStandInTheReportAndTheirLastDigitCounts() throws {
    try withCommand { command in
      let suite = Command.root.appendingPathComponent("Suites/gna-paper.yaml")
      let text = try String(contentsOf: suite, encoding: .utf8)
      try command.write(text, to: "paper.yaml")
      let good = try run(command, ["run", "paper.yaml", "--output", "runs", "--name", "good"])
      #expect(good.code == 0, "\(good.errors)")
      let page = try String(contentsOfFile: command.path("runs/good/report.md"), encoding: .utf8)
      #expect(page.contains("## Published figures"))
      #expect(page.contains("B200 10.4, B200 with permutation 7.30, H100 12.1"))
      #expect(!page.contains("| NO |"))
      try command.write(
        text.replacingOccurrences(of: "endToEnd: 1.73", with: "endToEnd: 1.74"), to: "off.yaml")
      let off = try run(command, ["run", "off.yaml", "--output", "runs", "--name", "off"])
      #expect(off.code == 4)
      #expect(off.errors.contains("published as 1.74"))
      try command.write(
        text.replacingOccurrences(of: "endToEnd:", with: "endToEmd:"), to: "typo.yaml")
      #expect(try run(command, ["run", "typo.yaml", "--output", "runs"]).code == 2)
    }
  }
}
