// SPDX-License-Identifier: MIT

extension TensorFileError: CustomStringConvertible {
  public var description: String {
    "\(file): \(sentence)"
  }

  /// The path of the file as it was given, with the array's name where there is one.
  public var file: String {
    switch self {
    case .cannotOpen(let file, _), .notARegularFile(let file), .cannotRead(let file, _, _),
      .cannotWrite(let file, _), .outOfMemory(let file, _), .exceedsLimit(let file, _, _),
      .unknownFormat(let file, _), .badMagic(let file, _, _),
      .unsupportedVersion(let file, _, _), .malformedHeader(let file, _, _),
      .unknownElementType(let file, _), .objectArray(let file), .structuredArray(let file),
      .undeclaredBFloat16(let file, _), .negativeExtent(let file, _, _),
      .tooManyAxes(let file, _, _), .extentsOverflow(let file, _), .truncated(let file, _, _),
      .trailingBytes(let file, _, _), .nonFinite(let file, _, _),
      .notRepresentable(let file, _, _, _), .wrongRank(let file, _, _),
      .wrongLayout(let file, _, _),
      .wrongExtents(let file, _, _), .wrongElementType(let file, _, _),
      .elementCountMismatch(let file, _, _), .missingArray(let file, _, _),
      .arrayNameNeeded(let file, _), .duplicateArray(let file, _),
      .unusableArrayName(let file, _), .malformedArchive(let file, _, _),
      .unsupportedCompression(let file, _), .encryptedEntry(let file),
      .implausibleCompression(let file, _, _), .corruptCompression(let file, _),
      .checksumMismatch(let file, _, _):
      file
    }
  }

  private var sentence: String {
    fileSentence ?? headerSentence ?? contentSentence ?? expectationSentence ?? archiveSentence
      ?? "cannot be used"
  }

  private var fileSentence: String? {
    switch self {
    case .cannotOpen(_, let reason):
      "cannot be opened: \(reason)"
    case .notARegularFile:
      "is not a regular file; give the path of a file on disk"
    case .cannotRead(_, let offset, let reason):
      "cannot be read at byte \(offset): \(reason)"
    case .cannotWrite(_, let reason):
      "cannot be written: \(reason); nothing was left behind"
    case .outOfMemory(_, let bytes):
      "needs \(bytes) bytes of memory, which the system refuses; use a smaller array"
    case .exceedsLimit(_, let bytes, let limit):
      "declares \(bytes) bytes, over the limit of \(limit); raise the limit or use a smaller array"
    default: nil
    }
  }

  private var headerSentence: String? {
    switch self {
    case .unknownFormat(_, let bytes):
      "is neither .npy, .npz nor .safetensors (it begins with \(hex(bytes))); "
        + "write it with numpy.save"
    case .badMagic(_, let expected, let bytes):
      "is not a .\(expected.rawValue) file: it begins with \(hex(bytes))"
    case .unsupportedVersion(_, let major, let minor):
      "has .npy version \(major).\(minor); versions 1.0, 2.0 and 3.0 are read"
    case .malformedHeader(_, let offset, let problem):
      "malformed header at byte \(offset): \(problem)"
    case .unknownElementType(_, let name):
      "has element type '\(name)'; \(advice(forElementType: name))"
    case .objectArray:
      "holds Python objects, which are never loaded; save a numeric array, "
        + "such as array.astype('<f4')"
    case .structuredArray:
      "holds records with several fields; save each field as its own array"
    case .undeclaredBFloat16(_, let name):
      "has element type '\(name)'; it is read only as bfloat16, and only on request"
    case .negativeExtent(_, let axis, let value):
      "has extent \(value) on axis \(axis); extents are 0 or more"
    case .tooManyAxes(_, let count, let limit):
      "has \(count) axes; at most \(limit) are read"
    case .extentsOverflow(_, let extents):
      "has shape (\(extents)), whose size in bytes does not fit 63 bits"
    default: nil
    }
  }

  private var contentSentence: String? {
    switch self {
    case .truncated(_, let expected, let found):
      "is cut short: \(expected) bytes are declared, \(found) are there; copy or write it again"
    case .trailingBytes(_, let expected, let found):
      "has \(found - expected) bytes too many: \(expected) are declared, \(found) are there; "
        + "write it again with one array"
    case .nonFinite(_, let index, let value):
      "is \(value) at index \(index); replace it, or allow values that are not finite"
    case .notRepresentable(_, let index, let value, let target):
      "holds \(value) at index \(index), which \(target.rawValue) cannot hold"
    default: nil
    }
  }

  private var expectationSentence: String? {
    switch self {
    case .wrongRank(_, let expected, let found):
      "has \(found.count) axes, shape \(found); \(expected) are expected; reshape it"
    case .wrongLayout(_, let layout, let found):
      "has \(found.count) axes, shape \(found); layout \(layout.rawValue) has \(layout.rank): "
        + "\(layout.axes); \(advice(forRank: found.count))"
    case .wrongExtents(_, let expected, let found):
      "has shape \(found); expected "
        + "[\(expected.map { $0.map(String.init) ?? "any" }.joined(separator: ", "))]"
    case .wrongElementType(_, let expected, let found):
      "has element type \(found.rawValue); expected "
        + expected.map(\.rawValue).joined(separator: " or ")
    case .elementCountMismatch(_, let extents, let count):
      "has \(count) elements, which do not fit shape \(extents)"
    default: nil
    }
  }

  private var archiveSentence: String? {
    switch self {
    case .missingArray(_, let name, let available):
      "has no array '\(name)'" + suggestion(for: name, among: available)
        + "; it holds \(list(available))"
    case .arrayNameNeeded(_, let available):
      "is an archive; say which array is meant: it holds \(list(available))"
    case .duplicateArray(_, let name):
      "holds two arrays named '\(name)'; write it again with distinct names"
    case .unusableArrayName(_, let name):
      "'\(name)' cannot name an array; use 1 to 65,000 bytes of text without NUL"
    case .malformedArchive(_, let offset, let problem):
      "damaged archive at byte \(offset): \(problem); write it again"
    case .unsupportedCompression(_, let method):
      "uses zip compression method \(method); stored (0) and deflated (8) are read"
    case .encryptedEntry:
      "is encrypted; write it without a password"
    case .implausibleCompression(_, let stored, let declared):
      "declares \(declared) bytes in \(stored) compressed bytes, more than deflate can pack"
    case .corruptCompression(_, let reason):
      "cannot be decompressed: \(reason); copy or write it again"
    case .checksumMismatch(_, let declared, let computed):
      "has checksum \(hex(computed)), but \(hex(declared)) is declared; copy or write it again"
    default: nil
    }
  }
}

extension HeaderProblem: CustomStringConvertible {
  public var description: String {
    switch self {
    case .expected(let expected, let found):
      "expected \(expected), found \(found)"
    case .duplicateKey(let key):
      "key '\(key)' is written twice"
    case .unknownKey(let key, let known):
      "unknown key '\(key)'\(suggestion(for: key, among: known)); "
        + "the keys are \(known.joined(separator: ", "))"
    case .missingKey(let key):
      "key '\(key)' is missing"
    case .tooLong(let bytes, let limit):
      "it is \(bytes) bytes long; at most \(limit) are read"
    case .unorderedRange(let name, let begin, let end, let expectedBegin):
      "array '\(name)' lies at bytes \(begin) to \(end); expected it to begin at \(expectedBegin)"
    case .wrongRangeSize(let name, let bytes, let expected):
      "array '\(name)' has \(bytes) bytes; its shape and type need \(expected)"
    }
  }
}

extension ArchiveProblem: CustomStringConvertible {
  public var description: String {
    switch self {
    case .noEndRecord: "there is no end record, so it is no zip file or is cut short"
    case .splitArchive: "it is split over several files"
    case .badSignature(let record): "the \(record) does not begin with its signature"
    case .recordOutsideFile(let record): "the \(record) lies outside the file"
    case .overlappingEntries(let first, let second): "entries '\(first)' and '\(second)' overlap"
    case .localHeaderDisagrees(let entry, let field):
      "entry '\(entry)' has another \(field) in its local header than in the directory"
    case .nameIsNotText: "an entry's name is not UTF-8"
    case .wrongEntryCount(let declared, let found):
      "\(declared) entries are declared, \(found) are listed"
    }
  }
}

private func hex(_ bytes: [UInt8]) -> String {
  bytes.isEmpty
    ? "nothing"
    : bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
}

private func hex(_ value: UInt32) -> String {
  let digits = String(value, radix: 16)
  return "0x" + String(repeating: "0", count: 8 - digits.count) + digits
}

private func list(_ names: [String]) -> String {
  let shown = names.prefix(12).joined(separator: ", ")
  if names.isEmpty { return "none" }
  return names.count > 12 ? "\(shown) and \(names.count - 12) more" : shown
}

private func suggestion(for name: String, among known: [String]) -> String {
  nearestName(to: name, among: known).map { " (did you mean '\($0)'?)" } ?? ""
}

private func advice(forRank rank: Int) -> String {
  let fitting = TensorLayout.allCases.filter { $0.rank == rank }.map(\.rawValue)
  return fitting.isEmpty
    ? "reshape it" : "with \(rank) axes the layout is \(fitting.joined(separator: " or "))"
}

private func advice(forElementType name: String) -> String {
  let known = "read are " + ElementType.allCases.map(\.rawValue).joined(separator: ", ")
  let kind = name.drop { "<>=|".contains($0) }.first
  return switch kind {
  case "c": "complex arrays are not read; save the real and imaginary parts apart"
  case "b": "save booleans with array.astype('u1'); \(known)"
  case "U", "S": "text is not read; \(known)"
  default: "\(known); convert with array.astype('<f4')"
  }
}
