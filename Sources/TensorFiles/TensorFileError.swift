// SPDX-License-Identifier: MIT

/// A tensor file that cannot be read, does not fit, or cannot be written.
///
/// `file` is the path as it was given; an array of an archive is written `weights.npz:q`.
public enum TensorFileError: Error, Hashable, Sendable {
  // The file itself.
  case cannotOpen(file: String, reason: String)
  case notARegularFile(file: String)
  case cannotRead(file: String, offset: Int, reason: String)
  case cannotWrite(file: String, reason: String)
  case outOfMemory(file: String, bytes: Int)
  case exceedsLimit(file: String, bytes: Int, limit: Int)

  // Its header.
  case unknownFormat(file: String, firstBytes: [UInt8])
  case badMagic(file: String, expected: TensorFileFormat, firstBytes: [UInt8])
  case unsupportedVersion(file: String, major: Int, minor: Int)
  case malformedHeader(file: String, offset: Int, problem: HeaderProblem)
  case unknownElementType(file: String, name: String)
  case objectArray(file: String)
  case structuredArray(file: String)
  case undeclaredBFloat16(file: String, name: String)
  case negativeExtent(file: String, axis: Int, value: String)
  case tooManyAxes(file: String, count: Int, limit: Int)
  case extentsOverflow(file: String, extents: String)

  // Its contents.
  case truncated(file: String, expectedBytes: Int, foundBytes: Int)
  case trailingBytes(file: String, expectedBytes: Int, foundBytes: Int)
  case nonFinite(file: String, index: [Int], value: String)
  case notRepresentable(file: String, index: [Int], value: String, target: ElementType)

  // What the caller expected.
  case wrongRank(file: String, expected: Int, found: [Int])
  case wrongLayout(file: String, layout: TensorLayout, found: [Int])
  case wrongExtents(file: String, expected: [Int?], found: [Int])
  case wrongElementType(file: String, expected: [ElementType], found: ElementType)
  case elementCountMismatch(file: String, extents: [Int], count: Int)

  // Archives.
  case missingArray(file: String, name: String, available: [String])
  case arrayNameNeeded(file: String, available: [String])
  case duplicateArray(file: String, name: String)
  case unusableArrayName(file: String, name: String)
  case malformedArchive(file: String, offset: Int, problem: ArchiveProblem)
  case unsupportedCompression(file: String, method: Int)
  case encryptedEntry(file: String)
  case implausibleCompression(file: String, storedBytes: Int, declaredBytes: Int)
  case corruptCompression(file: String, reason: String)
  case checksumMismatch(file: String, declared: UInt32, computed: UInt32)
}

/// The formats that are read and written.
public enum TensorFileFormat: String, Hashable, Sendable {
  case npy, npz, safetensors
}

/// What is wrong with the text header of an array.
public enum HeaderProblem: Hashable, Sendable {
  case expected(String, found: String)
  case duplicateKey(String)
  case unknownKey(String, known: [String])
  case missingKey(String)
  case tooLong(bytes: Int, limit: Int)
  /// Byte ranges of arrays must follow each other with neither gap nor overlap.
  case unorderedRange(name: String, begin: Int, end: Int, expectedBegin: Int)
  /// The byte range of an array does not have the size of its elements.
  case wrongRangeSize(name: String, bytes: Int, expected: Int)
}

/// What is wrong with the structure of a zip archive.
public enum ArchiveProblem: Hashable, Sendable {
  case noEndRecord
  case splitArchive
  case badSignature(record: String)
  case recordOutsideFile(record: String)
  case overlappingEntries(String, String)
  case localHeaderDisagrees(entry: String, field: String)
  case nameIsNotText
  case wrongEntryCount(declared: Int, found: Int)
}
