// SPDX-License-Identifier: MIT

import AttentionCore

/// Values and signs that have broken parsers before.
enum HostileWords {
  static let numbers = [
    "0", "-1", "1", "2", "3", "-0", "00", "+1", "1.5", "-1.5", "1e308", "1e309", "-1e309",
    "1e-400", "nan", ".nan", "inf", "-inf", ".inf", "0x10", "0b1", "1_000", "2147483647",
    "2147483648",
    "4294967295", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "18446744073709551615", "99999999999999999999999999", "1e18", "0.0000001", "1,5", "\u{0661}",
    "3037000500", "65536", "1048576",
  ]
  static let extents = [
    "1x1", "0x4", "-1x4", "2147483647x2147483647", "3037000500x3037000500", "x", "7x", "x7",
    "2x2x2x2", "9223372036854775807x2", "1x1x1", "12x15", "4096x4096", "1x1x1x1x1x1x1x1",
  ]
  static let units = [
    "3.35 TB/s", "50 MiB", "-1 GiB", "1e30 TB", "5 bananas", "90 %", "0 s", "1 ms", "1e-30 s",
    "4 Hz",
    "1e400 FLOP/s", "1 B/cycle", "9999999999999999 TiB", "5/", "/s", "1 / / s",
  ]
  static let texts = [
    "", "~", "null", "true", "yes", "''", "\"\"", "../../../etc/passwd", "/dev/zero",
    "/proc/self/mem",
    "..", ".", "/", "<script>alert(1)</script>", "\\input{/etc/passwd}", "$(touch owned)", "`id`",
    "\u{1B}[2J", "\u{0}", "\u{7}", "\u{202E}", "\u{FEFF}", "a\r\nb", "%s%n", "'; --", "{{7*7}}",
    "#{1}",
    "&a", "*a", "<<", "!!binary", "!!python/object", "|", ">", "@", "host", "h100", "CON",
    "\u{1F600}", "e\u{301}", "\u{FFFF}", "\\ud800", "\\u0000",
  ]
  private static let signs = [
    "{", "}", "[", "]", "(", ")", ":", ": ", ",", "- ", "? ", "\n", "\n  ", "\t", "\"", "'", "\\",
    "#", "&",
    "*", "!", "|", ">", "%", "=", "\r", "\u{0}", "---\n", "...\n", "\u{2028}", "&a ", "*a ",
  ]

  /// A number, a quantity, a list of extents or a text.
  static func value(_ random: inout SplitMix64) -> String {
    switch random.integer(below: 8) {
    case 0, 1, 2: pick(numbers, &random)
    case 3: pick(extents, &random)
    case 4: pick(units, &random)
    case 5: "\(Int(truncatingIfNeeded: random.next() >> UInt64(random.integer(below: 64))))"
    case 6: String(repeating: pick(signs, &random), count: 1 << random.integer(below: 12))
    default: pick(texts, &random)
    }
  }

  /// A sign that opens, closes or separates something.
  static func syntax(_ random: inout SplitMix64) -> String { pick(signs, &random) }

  static func pick(_ words: [String], _ random: inout SplitMix64) -> String {
    words[random.integer(below: words.count)]
  }

  /// One of `usual`, or now and then anything.
  static func mostly(
    _ usual: [String], _ random: inout SplitMix64, anythingOneIn share: Int = 12
  ) -> String {
    random.integer(below: share) == 0 ? value(&random) : pick(usual, &random)
  }
}
