// SPDX-License-Identifier: MIT

import Foundation

/// A YAML document that is read strictly: every value has a place, and nothing is guessed.
///
/// ```swift
/// let root = try ConfigurationDocument(path: "card.yaml").root.mapping(keys: ["suite", "seed"])
/// let seed = try root.optional("seed")?.integer(in: 0...Int.max) ?? 0
/// ```
///
/// Refused beyond what YAML forbids: duplicate keys, keys that are not words, tags, merge keys,
/// several documents, and files beyond the limits below. Aliases are values like any other.
public struct ConfigurationDocument: Sendable {
  public let root: ConfigurationNode

  /// Longest text, in bytes.
  public static let maximumBytes = 1 << 17
  /// Most values, keys apart, with aliases written out.
  public static let maximumValues = 50_000
  /// Most lists and mappings inside each other.
  public static let maximumDepth = 32

  /// Reads `text`; `file` is the name that errors carry.
  public init(text: String, file: String) throws(ConfigurationFailure) {
    guard text.utf8.count <= Self.maximumBytes else {
      throw Self.failure(file, .tooLarge(limit: Self.maximumBytes))
    }
    root = try YAMLReader(file: file).root(of: text)
  }

  /// Reads the file at `path`, which errors carry as it is.
  public init(path: String) throws(ConfigurationFailure) {
    let bytes = try Self.contents(of: path)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Self.failure(path, .notUTF8)
    }
    try self.init(text: text, file: path)
  }

  private static func contents(of path: String) throws(ConfigurationFailure) -> [UInt8] {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw failure(path, .unreadable(reason: String(cString: strerror(errno))))
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw failure(path, .unreadable(reason: "it is not a plain file"))
    }
    var bytes = [UInt8](repeating: 0, count: maximumBytes + 1)
    var count = 0
    while count < bytes.count {
      let moved = bytes.withUnsafeMutableBytes { buffer in
        read(descriptor, buffer.baseAddress.map { $0 + count }, buffer.count - count)
      }
      if moved < 0 && errno == EINTR { continue }
      guard moved >= 0 else {
        throw failure(path, .unreadable(reason: String(cString: strerror(errno))))
      }
      if moved == 0 { break }
      count += moved
    }
    guard count <= maximumBytes else {
      throw failure(path, .tooLarge(limit: maximumBytes))
    }
    return Array(bytes.prefix(count))
  }

  private static func failure(
    _ file: String, _ problem: ConfigurationProblem
  ) -> ConfigurationFailure {
    ConfigurationFailure(
      ConfigurationError(
        place: ConfigurationPlace(file: file, line: 1, column: 1), name: "", problem: problem))
  }
}
