// SPDX-License-Identifier: MIT

import Configuration
import Testing

private enum Precision: String, CaseIterable {
  case f32, bf16, int8
}

struct ValueTests {
  @Test func textIsTakenAsItIsWritten() throws {
    for text in ["no", "1.10", "on", "2024-01-01", "0x10", "'quoted'", "\"\"", "12:30:00"] {
      let plain = text.filter { $0 != "'" && $0 != "\"" }
      #expect(try value(text).string() == plain)
    }
  }

  @Test func integersAreExact() throws {
    for (text, expected) in [
      ("0", 0), ("-7", -7), ("+5", 5), ("1_000_000", 1_000_000),
      ("9223372036854775807", Int.max), ("-9223372036854775808", Int.min),
    ] {
      #expect(try value(text).integer() == expected)
    }
    for text in ["abc", "1.0", "1e3", "0x10", "010", "1_", "_1", "1__0", "--1", "4k", "４"] {
      #expect(
        message { _ = try value(text).integer() }
          == "card.yaml:1:8: value: '\(text)' is not an integer; write digits, such as 4096")
    }
    #expect(
      message { _ = try value("9223372036854775808").integer(in: 1...Int.max) }
        == "card.yaml:1:8: value: 9223372036854775808 is out of range; 1 or more is allowed")
    #expect(
      message { _ = try value("-3").integer(in: 0...8) }
        == "card.yaml:1:8: value: -3 is out of range; 0 to 8 is allowed")
    #expect(
      message { _ = try value("\"3\"").integer() }
        == "card.yaml:1:8: value: \"3\" is text in quotes; write an integer without quotes")
  }

  @Test func numbersAreFiniteAndWithoutUnit() throws {
    for (text, expected) in [("0.25", 0.25), ("1e-3", 1e-3), ("-2.5E+2", -250), ("7", 7)] {
      #expect(try value(text).number() == expected)
    }
    for text in [".inf", ".nan", "nan", "1.", ".5", "1.2.3", "1,5", "e5"] {
      #expect(
        message { _ = try value(text).number() }
          == "card.yaml:1:8: value: '\(text)' is not a number; write it like 0.25 or 1e-3")
    }
    #expect(
      message { _ = try value("1e400").number() }
        == "card.yaml:1:8: value: 1e400 is out of range; any finite number is allowed")
    #expect(
      message { _ = try value("1.5").number(in: 0...1) }
        == "card.yaml:1:8: value: 1.5 is out of range; 0.0 to 1.0 is allowed")
    #expect(
      message { _ = try value("5 ms").number() } == "card.yaml:1:8: value: '5 ms' has the unit "
        + "'ms'; write a number without a unit")
  }

  @Test func onlyTrueAndFalseAreBooleans() throws {
    #expect(try value("true").boolean())
    #expect(try !value("false").boolean())
    for text in ["yes", "no", "True", "on", "1"] {
      #expect(
        message { _ = try value(text).boolean() }
          == "card.yaml:1:8: value: '\(text)' is neither true nor false")
    }
  }

  @Test func extentsArePositiveIntegers() throws {
    #expect(try value("30x48x80").extents() == [30, 48, 80])
    #expect(try value("4096").extents() == [4096])
    for text in ["0x4", "30x", "x", "3X4", "3 x 4", "-1x2", "99999999999999999999x1"] {
      #expect(
        message { _ = try value(text).extents() } == "card.yaml:1:8: value: '\(text)' is not a "
          + "list of extents; write positive integers like 30x48x80")
    }
    #expect(
      message { _ = try value("1x2x3").extents(rank: 2...2) }
        == "card.yaml:1:8: value: has 3 elements; 2 are allowed")
  }

  @Test func choicesAreNamed() throws {
    #expect(try value("bf16").choice(of: Precision.self) == .bf16)
    #expect(try value("a").choice(among: ["a", "b"]) == "a")
    #expect(
      message { _ = try value("bf61").choice(of: Precision.self) }
        == "card.yaml:1:8: value: 'bf61' is not one of f32, bf16, int8; did you mean 'bf16'?")
    #expect(
      message { _ = try value("double").choice(of: Precision.self) }
        == "card.yaml:1:8: value: 'double' is not one of f32, bf16, int8")
  }

  @Test func longValuesAreCutInMessages() {
    let found = message { _ = try value(String(repeating: "x", count: 500)).integer() }
    #expect(found.contains("'" + String(repeating: "x", count: 60) + "...'"))
    let lines = message { _ = try value("\"a\\nb\"").integer() }
    #expect(lines.contains("\"a b\" is text in quotes"))
  }
}
