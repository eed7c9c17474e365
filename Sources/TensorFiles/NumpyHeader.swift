// SPDX-License-Identifier: MIT

/// The dictionary at the start of a `.npy` file.
///
/// NumPy writes a Python literal with exactly the keys `descr`, `fortran_order` and `shape`; this
/// grammar accepts that literal, in any order and with either quote, and nothing else of Python.
struct NumpyHeader {
  let descriptor: String
  let isFortranOrder: Bool
  let extents: [Int]

  /// NumPy itself stops at 64 axes.
  static let maximumRank = 64
  static let keys = ["descr", "fortran_order", "shape"]

  init(_ bytes: [UInt8], file: String, base: Int) throws(TensorFileError) {
    var cursor = HeaderCursor(bytes, file: file, base: base)
    var descriptor: String?
    var isFortranOrder: Bool?
    var extents: [Int]?
    var seen: Set<String> = []
    try cursor.require("{")
    while !cursor.take("}") {
      cursor.skipBlanks()
      let place = cursor.position
      let key = try cursor.pythonString("a key in quotes or '}'")
      guard seen.insert(key).inserted else {
        throw cursor.failure(.duplicateKey(key), at: place)
      }
      try cursor.require(":")
      switch key {
      case "descr": descriptor = try cursor.descriptor()
      case "fortran_order": isFortranOrder = try cursor.pythonBool()
      case "shape": extents = try cursor.extents()
      default: throw cursor.failure(.unknownKey(key, known: Self.keys), at: place)
      }
      if !cursor.take(",") {
        try cursor.require("}")
        break
      }
    }
    cursor.skipBlanks()
    guard cursor.next == nil else { throw cursor.unexpected("the end of the header") }
    for key in Self.keys where !seen.contains(key) {
      throw cursor.failure(.missingKey(key), at: 0)
    }
    self.descriptor = descriptor ?? ""
    self.isFortranOrder = isFortranOrder ?? false
    self.extents = extents ?? []
  }
}

extension HeaderCursor {
  /// Text between quotes.
  ///
  /// Escapes are refused: no name that is read here needs one.
  fileprivate mutating func pythonString(_ expected: String) throws(TensorFileError) -> String {
    skipBlanks()
    guard let quote = next, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else {
      throw unexpected(expected)
    }
    position += 1
    let start = position
    while let byte = next, byte != quote {
      guard byte >= 0x20, byte < 0x7F, byte != UInt8(ascii: "\\") else {
        throw unexpected("plain ASCII text")
      }
      position += 1
    }
    guard next == quote else { throw unexpected("a closing quote") }
    position += 1
    return String(decoding: bytes[start..<position - 1], as: UTF8.self)
  }

  fileprivate mutating func descriptor() throws(TensorFileError) -> String {
    skipBlanks()
    if next == UInt8(ascii: "[") { throw .structuredArray(file: file) }
    return try pythonString("an element type in quotes")
  }

  fileprivate mutating func pythonBool() throws(TensorFileError) -> Bool {
    skipBlanks()
    if take(word: "True") { return true }
    if take(word: "False") { return false }
    throw unexpected("True or False")
  }

  fileprivate mutating func extents() throws(TensorFileError) -> [Int] {
    try require("(")
    var texts: [String] = []
    var endedWithComma = true
    while !take(")") {
      guard endedWithComma else { throw unexpected("',' or ')'") }
      texts.append(try integerText())
      endedWithComma = take(",")
    }
    if texts.count == 1, !endedWithComma {
      throw failure(.expected("a comma after the only extent", found: "')'"), at: position - 1)
    }
    return try parsedExtents(texts, file: file)
  }
}

/// The extents that decimal `texts` stand for.
func parsedExtents(_ texts: [String], file: String) throws(TensorFileError) -> [Int] {
  guard texts.count <= NumpyHeader.maximumRank else {
    throw .tooManyAxes(file: file, count: texts.count, limit: NumpyHeader.maximumRank)
  }
  var extents: [Int] = []
  for (axis, text) in texts.enumerated() {
    guard !text.hasPrefix("-") else {
      throw .negativeExtent(file: file, axis: axis, value: text)
    }
    guard let value = Int(text) else {
      throw .extentsOverflow(file: file, extents: texts.joined(separator: ", "))
    }
    extents.append(value)
  }
  return extents
}

/// The bytes that an array needs, checked against overflow and the limit of `options`.
func checkedByteCount(
  extents: [Int], elementType: ElementType, file: String, options: TensorReadOptions
) throws(TensorFileError) -> Int {
  let bytes = elementCount(of: extents)?.multipliedReportingOverflow(by: elementType.size)
  guard let bytes, !bytes.overflow else {
    throw .extentsOverflow(
      file: file, extents: extents.map(String.init).joined(separator: ", "))
  }
  guard bytes.partialValue <= options.maximumBytes else {
    throw .exceedsLimit(file: file, bytes: bytes.partialValue, limit: options.maximumBytes)
  }
  return bytes.partialValue
}
