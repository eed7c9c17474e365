// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionMechanisms
import Foundation
import Testing

@Suite struct CatalogueTests {
  @Test func idsAreUniqueLowerCaseWords() {
    let ids = MechanismCatalogue.ids
    #expect(Set(ids).count == ids.count)
    #expect(ids.allSatisfy { $0.allSatisfy { $0.isLowercase || $0.isNumber || $0 == "-" } })
  }

  /// A mechanism whose line was forgotten is named here.
  @Test func everyMechanismFileIsInTheCatalogue() throws {
    let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Sources/AttentionMechanisms")
    let files = FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil)
    var declared: [String] = []
    for case let file as URL in try #require(files) where file.pathExtension == "swift" {
      for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      where line.hasPrefix("    id: \"") {
        declared += line.split(separator: "\"").dropFirst().prefix(1).map(String.init)
      }
    }
    #expect(Set(declared).isSubset(of: MechanismCatalogue.ids))
    #expect(declared.count == MechanismCatalogue.entries.filter { $0.preset.isEmpty }.count)
  }

  @Test func unknownIdsAndParametersNameWhatIsKnown() throws {
    #expect(throws: MechanismError.self) { try MechanismCatalogue.entry("flesh") }
    let shape = try AttentionShape(queryLength: 8, headDim: 4)
    let entry = try MechanismCatalogue.entry("neighborhood")
    #expect(
      throws: MechanismError.unknownParameter(
        name: "windows", mechanism: "neighborhood",
        known: ["window", "stride", "dilation", "causalAxes", "extraKeys", "tiles"])
    ) { try entry.make(["windows": "3"], shape: shape) }
  }

  @Test(arguments: [
    ["window": "9"], ["window": "0"], ["window": "4", "stride": "5"],
    ["dilation": "3", "window": "3"], ["window": "2x2"], ["causalAxes": "1"], ["extraKeys": "3"],
    ["window": "x"],
  ])
  func neighborhoodsThatDoNotFitAreRefused(overrides: [String: String]) throws {
    let shape = try AttentionShape(queryLength: 8, headDim: 4)
    #expect(throws: MechanismError.self) {
      try MechanismCatalogue.entry("neighborhood").make(overrides, shape: shape)
    }
  }
}
