// SPDX-License-Identifier: MIT

import Configuration
import Testing

struct CollectionTests {
  @Test func unknownAndMissingKeysAreReportedTogether() {
    let text = "suit: x\nsede: 3\ncolour: red\n"
    let found = message {
      _ = try ConfigurationDocument(text: text, file: "card.yaml").root
        .mapping(keys: ["suite", "seed", "cases"], required: ["suite", "cases"])
    }
    #expect(
      found == """
        card.yaml:1:1: 'suit' is not a key here; did you mean 'suite'?
        card.yaml:2:1: 'sede' is not a key here; did you mean 'seed'?
        card.yaml:3:1: 'colour' is not a key here; the keys are suite, seed, cases
        card.yaml:1:1: the key 'suite' is missing; add it
        card.yaml:1:1: the key 'cases' is missing; add it
        """)
  }

  @Test func nestedMappingsCarryTheirName() {
    let found = message {
      _ = try root("a:\n  - {windw: 3}").required("a").list { node throws(ConfigurationFailure) in
        try node.mapping(keys: ["window"])
      }
    }
    #expect(
      found == "card.yaml:2:6: a[0]: 'windw' is not a key here; did you mean 'window'?")
  }

  @Test func kindsAreNotMixedUp() {
    #expect(
      message { _ = try value("[1]").integer() }
        == "card.yaml:1:8: value: is a list; write a single value")
    #expect(
      message { _ = try value("3").list() } == "card.yaml:1:8: value: is a single value; "
        + "write a list")
    #expect(
      message { _ = try value("[]").openMapping() }
        == "card.yaml:1:8: value: is a list; write a mapping of keys to values")
    for nothing in ["", "~", "null"] {
      #expect(
        message { _ = try value(nothing).string() }
          .hasSuffix("value: is empty; write a single value or remove the key"))
    }
    #expect(
      message { _ = try value("[1, 2, 3]").list(count: 1...2) }
        == "card.yaml:1:8: value: has 3 elements; 1 to 2 are allowed")
  }

  @Test func oneValueMayStandForAList() throws {
    func windows(_ text: String) throws -> [Int] {
      try value(text).oneOrMore { node throws(ConfigurationFailure) in
        try node.integer(in: 1...4096)
      }
    }
    #expect(try windows("64") == [64])
    #expect(try windows("[64, 1_024]") == [64, 1024])
    #expect(
      message { _ = try windows("[]") }
        == "card.yaml:1:8: value: has 0 elements; 1 or more are allowed")
    #expect(
      message { _ = try windows("[0, 64, x]") } == """
        card.yaml:1:9: value[0]: 0 is out of range; 1 to 4096 is allowed
        card.yaml:1:16: value[2]: 'x' is not an integer; write digits, such as 4096
        """)
  }

  @Test func errorsAreCollectedUpToTwenty() throws {
    let text = (0..<30).map { "k\($0): x\n" }.joined()
    let mapping = try root(text)
    var issues = ConfigurationIssues()
    for entry in mapping.entries {
      let value = issues.collect { () throws(ConfigurationFailure) in try entry.value.integer() }
      #expect(value == nil)
    }
    let lines = message { try issues.throwIfAny() }.split(separator: "\n")
    #expect(lines.count == 21)
    #expect(lines.first == "card.yaml:1:5: k0: 'x' is not an integer; write digits, such as 4096")
    #expect(lines.last == "and 10 more errors")
    try ConfigurationIssues().throwIfAny()
  }

  @Test func readersMayStateTheirOwnRules() throws {
    let node = try value("48")
    #expect(
      node.failure("48 is not divisible by blockSize 32; use 64").description
        == "card.yaml:1:8: value: 48 is not divisible by blockSize 32; use 64")
  }
}
