// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation

/// JSON texts with a few values replaced by others of another kind or size.
struct JSONGrammar: Sendable {
  /// The texts, and what they say; nil for those that are no JSON, which stay as they are.
  private let texts: [(bytes: [UInt8], value: JSONValue?)]

  /// - Parameter texts: what changes begin with; at least one.
  init(_ texts: [[UInt8]]) {
    self.texts = texts.map { ($0, Self.value(of: $0)) }
  }

  /// `text` with its long lists cut, so that changes meet what is different.
  static func shortened(_ text: [UInt8]) -> [UInt8] {
    value(of: text)?.shortened(to: 2).bytes ?? text
  }

  /// One of the texts with a few of its values changed.
  func changed(_ random: inout SplitMix64) -> [UInt8] {
    let text = texts[random.integer(below: texts.count)]
    guard var value = text.value else { return text.bytes }
    for _ in 0...random.integer(below: 3) { value = Self.changed(value, depth: 0, &random) }
    return value.bytes
  }

  private static func value(of text: [UInt8]) -> JSONValue? {
    try? JSONDecoder().decode(JSONValue.self, from: Data(text))
  }

  private static func changed(
    _ value: JSONValue, depth: Int, _ random: inout SplitMix64
  ) -> JSONValue {
    // Deep values are as likely to change as those at the top.
    guard random.integer(below: 8) > 0 || depth == 0 else { return replacement(&random) }
    switch value {
    case .object(var members) where !members.isEmpty:
      let place = random.integer(below: members.count)
      if random.integer(below: 12) == 0 {
        members.remove(at: place)
      } else {
        members[place].value = changed(members[place].value, depth: depth + 1, &random)
      }
      return .object(members)
    case .list(var list) where !list.isEmpty:
      let place = random.integer(below: list.count)
      if random.integer(below: 8) == 0 {
        list.append(list[place])
      } else {
        list[place] = changed(list[place], depth: depth + 1, &random)
      }
      return .list(list)
    default:
      return random.integer(below: 3) == 0 ? replacement(&random) : sibling(of: value, &random)
    }
  }

  /// A value of the same kind, which gets further than one of another.
  private static func sibling(of value: JSONValue, _ random: inout SplitMix64) -> JSONValue {
    switch value {
    case .text: .text(HostileWords.pick(HostileWords.texts, &random))
    case .integer, .real, .truth:
      [
        .integer(0), .integer(1), .integer(-1), .integer(2), .integer(63), .integer(.max),
        .integer(.min), .integer(1 << 31), .integer(1 << 53), .integer(3_037_000_500),
      ][random.integer(below: 10)]
    default: value
    }
  }

  private static func replacement(_ random: inout SplitMix64) -> JSONValue {
    switch random.integer(below: 12) {
    case 0: .null
    case 1: .list([])
    case 2: .object([])
    case 3: .truth(true)
    case 4: .integer(.max)
    case 5: .integer(.min)
    case 6: .real(1e300)
    case 7: .integer(-1)
    case 8: .integer(0)
    case 9: .text(random.integer(below: 2) == 0 ? "nan" : "-inf")
    case 10: .real(0.5)
    default: .text(HostileWords.value(&random))
    }
  }
}
