// SPDX-License-Identifier: MIT

import Configuration
import Testing

struct QuantityTests {
  @Test func unitsAreConvertedToBaseUnits() throws {
    let cases: [(String, UnitDimension, Double)] = [
      ("990 TFLOP/s", .operationsPerSecond, 990e12),
      ("3.35 TB/s", .bytesPerSecond, 3.35e12),
      ("1.98 POP/s", .operationsPerSecond, 1.98e15),
      ("5EFLOP/s", .operationsPerSecond, 5e18),
      ("1e3 GB / s", .bytesPerSecond, 1e12),
      ("400 Gbit/s", .bytesPerSecond, 50e9),
      ("50 MiB", .bytes, 52_428_800),
      ("50 MB", .bytes, 50e6),
      ("16 B", .bytes, 16),
      ("2 min", .seconds, 120),
      ("1.5 h", .seconds, 5_400),
      ("500 ms", .seconds, 0.5),
      ("3.3 us", .seconds, 3.3e-6),
      ("3.3 \u{B5}s", .seconds, 3.3e-6),
      ("2.45 GHz", .hertz, 2.45e9),
      ("700 W", .watts, 700),
      ("1.1 pJ/FLOP", .joulesPerOperation, 1.1e-12),
      ("700 J/s", .watts, 700),
      ("32 FLOP/cycle", .operationsPerCycle, 32),
      ("64 B/cycle", .bytesPerCycle, 64),
      ("30 %", .ratio, 0.3),
      ("0.3", .ratio, 0.3),
      ("1_000 ns", .seconds, 1e-6),
    ]
    for (text, dimension, expected) in cases {
      // Exactly the nearest number: decimal prefixes are applied before rounding.
      #expect(try value(text).quantity(dimension) == expected, "\(text)")
    }
  }

  private func message(_ text: String, _ dimension: UnitDimension) -> String {
    ConfigurationTests.message { _ = try value(text).quantity(dimension) }
  }

  @Test func dimensionsAreChecked() {
    #expect(
      message("40 GB/s", .bytes) == "card.yaml:1:8: value: '40 GB/s' is a bandwidth; "
        + "write a size, such as 50 MiB")
    #expect(
      message("40 FLOP", .operationsPerSecond) == "card.yaml:1:8: value: '40 FLOP' is a number "
        + "of operations; write a rate of operations, such as 990 TFLOP/s")
    #expect(
      message("4 s/B", .seconds) == "card.yaml:1:8: value: '4 s/B' is a quantity in s/B; "
        + "write a time, such as 500 ms")
    #expect(
      message("5 %", .seconds) == "card.yaml:1:8: value: '5 %' is a ratio; "
        + "write a time, such as 500 ms")
  }

  @Test func aMissingUnitIsNotGuessed() {
    #expect(
      message("3.35", .bytesPerSecond) == "card.yaml:1:8: value: 3.35 has no unit; "
        + "write a bandwidth, such as 3.35 TB/s")
    #expect(
      message("fast", .bytesPerSecond)
        == "card.yaml:1:8: value: 'fast' is not a number; write it like 0.25 or 1e-3")
  }

  @Test func unknownUnitsNameTheNearestOfTheDimension() {
    for (text, dimension, unit, nearest) in [
      ("990 TFLOPS", UnitDimension.operationsPerSecond, "TFLOPS", "TFLOP/s"),
      ("990 TFLOPs/s", .operationsPerSecond, "TFLOPs/s", "TFLOP/s"),
      ("100 GBps", .bytesPerSecond, "GBps", "GB/s"),
      ("50 KB", .bytes, "KB", "kB"),
      ("50 mib", .bytes, "mib", "MiB"),
      ("5 Min", .seconds, "Min", "min"),
      ("2 ghz", .hertz, "ghz", "GHz"),
    ] {
      #expect(
        message(text, dimension)
          == "card.yaml:1:8: value: '\(unit)' is not a unit; did you mean '\(nearest)'?")
    }
    #expect(
      message("3 parsecs", .seconds)
        == "card.yaml:1:8: value: 'parsecs' is not a unit; write a time, such as 500 ms")
    #expect(message("3 B/s/s", .bytes).contains("'B/s/s' is not a unit"))
  }

  @Test func rangesAreInBaseUnits() {
    #expect(
      ConfigurationTests.message { _ = try value("2 h").quantity(.seconds, in: 0...3_600) }
        == "card.yaml:1:8: value: 2 h is out of range; 0.0 to 3600.0 s is allowed")
    #expect(
      ConfigurationTests.message {
        _ = try value("-2 GB").quantity(.bytes, in: 1...Double.infinity)
      } == "card.yaml:1:8: value: -2 GB is out of range; 1.0 B or more is allowed")
  }

  @Test func byteCountsAreWhole() throws {
    #expect(try value("2 GiB").byteCount() == 1 << 31)
    #expect(try value("0.5 KiB").byteCount() == 512)
    #expect(
      ConfigurationTests.message { _ = try value("0.3 B").byteCount() }
        == "card.yaml:1:8: value: '0.3 B' is not a whole number of bytes below 2^63")
    #expect(
      ConfigurationTests.message { _ = try value("64 KiB").byteCount(in: 0...1024) }
        == "card.yaml:1:8: value: 64 KiB is out of range; 0 to 1024 is allowed")
  }
}
