// SPDX-License-Identifier: MIT

import AttentionMechanisms
import Foundation
import Testing

/// What the README shows must be what the program says.
@Suite struct ReadmeTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  @Test func theTableOfMechanismsIsThatOfTheCatalogue() throws {
    let readme = try String(
      contentsOf: Self.root.appendingPathComponent("README.md"), encoding: .utf8)
    let parts = readme.components(separatedBy: "<!-- mechanisms -->\n")
    try #require(parts.count == 3, "the README has the table between two marks")
    let command = try Command()
    defer { command.remove() }
    let table = try command.run("list", "mechanisms", "--format", "summary").output
    #expect(
      parts[1] == table,
      "the table is stale: run `make readme`, which writes what `list mechanisms` prints")
  }

  @Test func everySuiteCanBeRead() throws {
    let command = try Command()
    defer { command.remove() }
    let folder = Self.root.appendingPathComponent("Suites")
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    where file.hasSuffix(".yaml") {
      let result = try command.run(
        "list", "cases", folder.appendingPathComponent(file).path, "--format", "json")
      #expect(result.code == 0, "\(file): \(result.errors)")
    }
  }
}
