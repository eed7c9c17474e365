// SPDX-License-Identifier: MIT

/// A position in the text of a header, shared by the two header grammars.
struct HeaderCursor {
  let bytes: [UInt8]
  let file: String
  /// Offset of `bytes` in the file, so that errors name the place in the file.
  let base: Int
  var position = 0

  init(_ bytes: [UInt8], file: String, base: Int) {
    self.bytes = bytes
    self.file = file
    self.base = base
  }

  var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  func failure(_ problem: HeaderProblem, at position: Int? = nil) -> TensorFileError {
    .malformedHeader(file: file, offset: base + (position ?? self.position), problem: problem)
  }

  /// The error for a byte that the grammar does not allow here.
  func unexpected(_ expected: String) -> TensorFileError {
    failure(.expected(expected, found: found))
  }

  private var found: String {
    guard let next else { return "the end of the header" }
    let character = Character(UnicodeScalar(next))
    return next >= 0x20 && next < 0x7F ? "'\(character)'" : "byte \(next)"
  }

  mutating func skipBlanks() {
    while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
      position += 1
    }
  }

  /// Skips blanks, then `byte` if it comes next.
  mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipBlanks()
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  mutating func require(_ character: Unicode.Scalar) throws(TensorFileError) {
    guard take(character) else { throw unexpected("'\(character)'") }
  }

  /// Skips the letters of `word` if they come next.
  mutating func take(word: String) -> Bool {
    let letters = Array(word.utf8)
    guard bytes[position...].starts(with: letters) else { return false }
    position += letters.count
    return true
  }

  /// The digits of a decimal integer, with a sign if there is one and without leading zeros.
  mutating func integerText() throws(TensorFileError) -> String {
    skipBlanks()
    let start = position
    if next == UInt8(ascii: "-") { position += 1 }
    let firstDigit = position
    while let byte = next, byte >= 0x30, byte <= 0x39 {
      position += 1
    }
    let digits = position - firstDigit
    guard digits > 0 else { throw unexpected("an integer") }
    if digits > 1, bytes[firstDigit] == 0x30 {
      throw failure(.expected("an integer without leading zeros", found: "'0'"), at: firstDigit)
    }
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }
}
