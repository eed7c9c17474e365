// SPDX-License-Identifier: MIT

import AttentionMechanisms
import Foundation
import Testing

@Suite struct InformationTests {
  @Test func listShowsEveryMechanismInEveryFormat() throws {
    let command = try Command()
    defer { command.remove() }
    for format in ["table", "json", "markdown"] {
      let result = try command.run("list", "mechanisms", "--format", format)
      #expect(result.code == 0)
      for id in MechanismCatalogue.ids {
        #expect(result.output.contains(id))
      }
    }
    let json = try command.run("list", "--format", "json").output
    #expect(json.contains("\"schema\" : \"attnbench/1\""))
  }

  @Test(arguments: MechanismCatalogue.ids)
  func describeNamesParametersAndPaper(id: String) throws {
    let command = try Command()
    defer { command.remove() }
    let result = try command.run("describe", id)
    #expect(result.code == 0, "\(result.errors)")
    let entry = try MechanismCatalogue.entry(id)
    #expect(result.output.contains(entry.card.origin.title))
    #expect(entry.parameters.allSatisfy { result.output.contains($0.name) })
  }

  @Test func aMessageThatQuotesMuchIsShortened() throws {
    let command = try Command()
    defer { command.remove() }
    let result = try command.run("describe", String(repeating: "mo", count: 20_000))
    #expect(result.code == 2)
    #expect(result.errors.contains("characters ... "))
    #expect(result.errors.utf8.count < 5_000)
  }

  @Test func describeNamesWeightsWithTheirShapes() throws {
    let command = try Command()
    defer { command.remove() }
    #expect(try command.run("describe", "performer").output.contains("projection"))
    #expect(try command.run("describe", "lightning").output.contains("slopes"))
  }

  @Test func simulateReproducesTheTilesOfThePaper() throws {
    let command = try Command()
    defer { command.remove() }
    let result = try command.run(
      "simulate", "neighborhood", "--grid", "30x48x80", "--set", "window=18x24x24",
      "--set", "stride=16x8x8", "--set", "dilation=1x1x1", "--query-tile", "4x8x8",
      "--key-tile", "2x8x8", "--machine", "b200", "--format", "json")
    #expect(result.code == 0, "\(result.errors)")
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    // Figures of arXiv 2504.16922 for HunyuanVideo, by exact count.
    #expect(object["attendedPairs"] as? Int == 1_194_393_600)
    #expect(object["tilesTotal"] as? Int == 432_000)
    #expect(object["tilesVisited"] as? Int == 38_880)
    #expect(object["tilesWorst"] as? Int == 81)
    #expect(object["perfectlyBlockSparse"] as? Bool == true)
  }

  @Test func machinesAreShownWithTheirSources() throws {
    let command = try Command()
    defer { command.remove() }
    #expect(try command.run("machine", "show", "h100").output.contains("source"))
    let unknown = try command.run("machine", "show", "h101")
    #expect(unknown.code == 2)
  }

  @Test func doctorExplainsWhatIsMissing() throws {
    let command = try Command()
    defer { command.remove() }
    let result = try command.run("doctor")
    #expect(result.code == 0)
    #expect(result.output.contains("OpenBLAS"))
    #expect(result.output.contains("Counters"))
  }

  @Test func badUsageHasItsOwnCode() throws {
    let command = try Command()
    defer { command.remove() }
    #expect(try command.run("rum").code == 2)
    #expect(try command.run("describe", "flesh").code == 2)
    #expect(try command.run("simulate", "flash").code == 2)
    #expect(try command.run("--help").code == 0)
    #expect(try command.run("--version").code == 0)
  }
}
