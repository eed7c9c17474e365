// SPDX-License-Identifier: MIT

import AttentionCore

/// A prompt of an instruction, documents of nearly equal length, and a question.
struct DocumentLayout {
  /// Segment of every token: 0 the instruction, then the documents, last the question.
  let segments: [Int]
  let last: Int

  /// - Throws: ``MechanismError`` if the lengths leave less than one token per document.
  init(
    mechanism: String, instruction: Int, documents: Int, question: Int, shape: AttentionShape
  ) throws(MechanismError) {
    let length = shape.queryLength
    let middle = length - instruction - question
    guard instruction >= 0, question >= 0, documents >= 1, middle >= documents else {
      throw .unsupportedShape(
        mechanism: mechanism, shape: shape.description,
        rule: "instruction \(instruction) and question \(question) must leave at least one token "
          + "for each of \(documents) documents; the sequence has \(length)")
    }
    segments = (0..<length).map { token in
      if token < instruction { return 0 }
      if token >= length - question { return documents + 1 }
      return 1 + (token - instruction) * documents / middle
    }
    last = documents + 1
  }
}
