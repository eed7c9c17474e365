// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation

/// JSON texts with one value replaced by one of another kind or size.
enum JSONGrammar {
  /// `text` with its long lists cut, so that changes meet what is different.
  static func shortened(_ text: [UInt8]) -> [UInt8] {
    guard let value = try? JSONSerialization.jsonObject(with: Data(text)) else { return text }
    return encoded(shortened(value))
  }

  private static func shortened(_ value: Any) -> Any {
    if let list = value as? [Any] { return list.prefix(2).map(shortened) }
    if let object = value as? [String: Any] { return object.mapValues(shortened) }
    return value
  }

  /// `text` with a few of its values changed.
  static func changed(_ text: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
    guard var value = try? JSONSerialization.jsonObject(with: Data(text)) else { return text }
    for _ in 0...random.integer(below: 3) { value = changed(value, depth: 0, &random) }
    return encoded(value)
  }

  private static func changed(_ value: Any, depth: Int, _ random: inout SplitMix64) -> Any {
    // Deep values are as likely to change as those at the top.
    guard random.integer(below: 8) > 0 || depth == 0 else { return replacement(&random) }
    if var object = value as? [String: Any], !object.isEmpty {
      let keys = object.keys.sorted()
      let key = keys[random.integer(below: keys.count)]
      if random.integer(below: 12) == 0 {
        object[key] = nil
      } else if let member = object[key] {
        object[key] = changed(member, depth: depth + 1, &random)
      }
      return object
    }
    if var list = value as? [Any], !list.isEmpty {
      let place = random.integer(below: list.count)
      if random.integer(below: 8) == 0 {
        list.append(list[place])
      } else {
        list[place] = changed(list[place], depth: depth + 1, &random)
      }
      return list
    }
    return random.integer(below: 3) == 0 ? replacement(&random) : sibling(of: value, &random)
  }

  /// A value of the same kind, which gets further than one of another.
  private static func sibling(of value: Any, _ random: inout SplitMix64) -> Any {
    if value is String { return HostileWords.pick(HostileWords.texts, &random) }
    guard value is NSNumber else { return value }
    let numbers = [0, 1, -1, 2, 63, Int.max, Int.min, 1 << 31, 1 << 53, 3_037_000_500]
    return numbers[random.integer(below: numbers.count)]
  }

  private static func replacement(_ random: inout SplitMix64) -> Any {
    switch random.integer(below: 12) {
    case 0: NSNull()
    case 1: [Any]()
    case 2: [String: Any]()
    case 3: true
    case 4: Int.max
    case 5: Int.min
    case 6: 1e300
    case 7: -1
    case 8: 0
    case 9: random.integer(below: 2) == 0 ? "nan" : "-inf"
    case 10: 0.5
    default: HostileWords.value(&random)
    }
  }

  private static func encoded(_ value: Any) -> [UInt8] {
    guard JSONSerialization.isValidJSONObject(value),
      let data = try? JSONSerialization.data(withJSONObject: value, options: [.sortedKeys])
    else { return Array("null".utf8) }
    return Array(data)
  }
}
