// SPDX-License-Identifier: MIT

import Foundation

/// The JSON of records and headers: sorted keys, so that equal records are equal bytes.
package enum RecordCoding {
  /// Infinities and NaN, which JSON has no numbers for, are written as these words.
  private static let words = (positive: "inf", negative: "-inf", nan: "nan")

  package static func encoder(pretty: Bool) -> JSONEncoder {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if pretty { encoder.outputFormatting.insert(.prettyPrinted) }
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: words.positive, negativeInfinity: words.negative, nan: words.nan)
    return encoder
  }

  package static func decoder() -> JSONDecoder {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: words.positive, negativeInfinity: words.negative, nan: words.nan)
    return decoder
  }

  /// What is wrong with a text that could not be decoded, in one line.
  package static func explanation(of error: any Error) -> String {
    guard let error = error as? DecodingError else { return String(describing: error) }
    switch error {
    case .keyNotFound(let key, let context):
      return "'\(place(context.codingPath + [key]))' is missing"
    case .typeMismatch(let type, let context):
      let place = place(context.codingPath)
      return place.isEmpty ? "it is not a JSON object" : "'\(place)' is not a \(type)"
    case .valueNotFound(_, let context):
      return "'\(place(context.codingPath))' is null"
    case .dataCorrupted(let context):
      let place = place(context.codingPath)
      let detail = context.debugDescription
      return place.isEmpty ? "not valid JSON: \(detail)" : "'\(place)': \(detail)"
    @unknown default:
      return "not valid JSON"
    }
  }

  private static func place(_ path: [any CodingKey]) -> String {
    var text = ""
    for key in path {
      if let index = key.intValue {
        text += "[\(index)]"
      } else {
        text += text.isEmpty ? key.stringValue : ".\(key.stringValue)"
      }
    }
    return text
  }
}

/// The part of a line or header that is read before anything else.
struct SchemaTag: Decodable {
  let schema: String

  /// A sentence if the schema is not the one that this program reads.
  var objection: String? {
    schema == CaseRecord.currentSchema
      ? nil : "its schema is '\(schema)'; this program reads '\(CaseRecord.currentSchema)'"
  }
}
