// SPDX-License-Identifier: MIT

import Configuration
import Foundation
import Testing

struct DocumentTests {
  @Test func aSuiteReadsLikeThis() throws {
    let text = """
      # comment
      suite: gna
      machines: [h100, "b200"]
      cases:
        - mechanism: neighborhood
          grid: 30x48x80
        - mechanism: flash
          grid: 4096
      """
    let root = try ConfigurationDocument(text: text, file: "card.yaml").root
      .mapping(keys: ["suite", "seed", "machines", "cases"], required: ["suite"])
    #expect(try root.required("suite").string() == "gna")
    #expect(try root.optional("seed")?.integer(in: 0...Int.max) ?? 7 == 7)
    let machines = try root.required("machines").list { node throws(ConfigurationFailure) in
      try node.string()
    }
    #expect(machines == ["h100", "b200"])
    let cases = try root.required("cases").list()
    #expect(cases.map(\.name) == ["cases[0]", "cases[1]"])
    let grid = try cases[0].mapping(keys: ["mechanism", "grid"]).required("grid")
    #expect(try grid.extents() == [30, 48, 80])
    #expect(grid.place == ConfigurationPlace(file: "card.yaml", line: 6, column: 11))
    #expect(root.entries.map(\.key) == ["suite", "machines", "cases"])
    #expect(root.entries.map(\.place.line) == [2, 3, 4])
  }

  @Test func brokenYAMLIsPlaced() {
    #expect(
      documentMessage("a: 1\n\tb: 2\n")
        == "card.yaml:2:1: not valid YAML: found a tab character that violates indentation "
        + "while scanning a plain scalar; indent with spaces")
    #expect(
      documentMessage("a: b: c")
        == "card.yaml:1:5: not valid YAML: mapping values are not allowed in this context; "
        + "check the indentation, or put text with ': ' in quotes")
    #expect(
      documentMessage("a: [1, 2\nb: 3")
        == "card.yaml:2:2: not valid YAML: did not find expected ',' or ']' "
        + "while parsing a flow sequence")
    #expect(
      documentMessage("a: \u{1}") == "card.yaml:1:4: not valid YAML: control characters "
        + "are not allowed")
    #expect(
      documentMessage("a: *none")
        == "card.yaml:1:4: not valid YAML: found undefined alias")
  }

  @Test func oneDocumentIsAllowedAndNeeded() {
    for text in ["", "\n\n", "# comment only\n"] {
      #expect(
        documentMessage(text)
          == "card.yaml:1:1: the document is empty; write keys and values")
    }
    #expect(
      documentMessage("a: 1\n---\nb: 2\n")
        == "card.yaml:2:1: a second document begins here; write one document to a file")
  }

  @Test func duplicateKeysAreRefused() {
    #expect(
      documentMessage("seed: 1\nsuite: x\nseed: 2\n")
        == "card.yaml:1:1: 'seed' is written twice in this mapping, first here; keep one")
    #expect(
      documentMessage("a: {x: 1, \"x\": 2}")
        == "card.yaml:1:5: 'x' is written twice in this mapping, first here; keep one")
  }

  @Test func whatIsNoWordIsNoKey() {
    #expect(
      documentMessage("? [a, b]\n: 1")
        == "card.yaml:1:3: a key is a list or a mapping; keys are words")
    #expect(
      documentMessage("a: &x {b: 1}\nc:\n  <<: *x")
        == "card.yaml:3:3: merge keys ('<<') are not supported; write the keys out")
    #expect(
      documentMessage("a: !!python/object x")
        == "card.yaml:1:4: the tag 'tag:yaml.org,2002:python/object' is not supported; remove it")
    #expect(documentMessage("\"<<\": 1") == "no error")
  }

  @Test func filesAreReadAsUTF8() throws {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("attnbench-\(UUID().uuidString).yaml").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data("\u{FEFF}name: é".utf8).write(to: URL(fileURLWithPath: path))
    let read = try ConfigurationDocument(path: path).root.openMapping().required("name")
    #expect(try read.string() == "é")
    try Data([0x61, 0x3A, 0x20, 0xFF]).write(to: URL(fileURLWithPath: path))
    #expect(
      message { _ = try ConfigurationDocument(path: path) }
        == "\(path):1:1: is not UTF-8 text; save it as UTF-8")
    try Data(count: ConfigurationDocument.maximumBytes + 1)
      .write(to: URL(fileURLWithPath: path))
    #expect(
      message { _ = try ConfigurationDocument(path: path) }
        == "\(path):1:1: is longer than 131072 bytes; split it into several files")
    #expect(
      message { _ = try ConfigurationDocument(path: path + ".none") }
        == "\(path).none:1:1: cannot be read: No such file or directory")
    #expect(
      message { _ = try ConfigurationDocument(path: "/") }
        == "/:1:1: cannot be read: it is not a plain file")
  }
}
