// SPDX-License-Identifier: MIT

import Foundation

/// A JSON file of measured roofs, one entry per fingerprint.
public struct RoofCache: Sendable {
  private let path: String

  /// Uses the file at `path`, which need not exist yet; its folder must.
  public init(path: String) {
    self.path = path
  }

  private struct Contents: Codable {
    let schema: String
    var roofs: [String: HostRoofs]
  }

  private static let schema = "attnbench-roofs/1"

  /// The roofs measured for a fingerprint, or nil if the file has none of this version.
  ///
  /// A file that cannot be read or is damaged counts as empty: its content can be measured again.
  public func roofs(of fingerprint: HostFingerprint) -> HostRoofs? {
    Self.roofs(of: fingerprint, in: contents())
  }

  /// The roofs for a fingerprint in the text of a cache file; nil where there are none to be used.
  package static func roofs(of fingerprint: HostFingerprint, parsing text: Data) -> HostRoofs? {
    roofs(of: fingerprint, in: parse(text))
  }

  private static func roofs(of fingerprint: HostFingerprint, in contents: Contents) -> HostRoofs? {
    guard let roofs = contents.roofs[fingerprint.key],
      roofs.version == HostRoofs.currentVersion, roofs.fingerprint == fingerprint,
      roofs.isPlausible
    else { return nil }
    return roofs
  }

  /// Adds `roofs` to the file, in place of older ones of the same fingerprint.
  ///
  /// - Throws: an error of Foundation if the file cannot be written.
  public func store(_ roofs: HostRoofs) throws {
    var contents = contents()
    contents.roofs[roofs.fingerprint.key] = roofs
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try encoder.encode(contents).write(to: URL(fileURLWithPath: path), options: .atomic)
  }

  /// Longest file that is read [byte]; a host's roofs take some thousand.
  private static let mostBytes = 16 << 20

  private func contents() -> Contents {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return Self.parse(Data()) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      status.st_size <= Self.mostBytes
    else { return Self.parse(Data()) }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
    return Self.parse((try? handle.read(upToCount: Int(status.st_size))) ?? Data())
  }

  private static func parse(_ text: Data) -> Contents {
    guard let decoded = try? JSONDecoder().decode(Contents.self, from: text),
      decoded.schema == schema
    else { return Contents(schema: schema, roofs: [:]) }
    return decoded
  }
}

extension HostRoofs {
  /// Whether every rate could have been measured: a file may say anything.
  fileprivate var isPlausible: Bool {
    func isRate(_ value: Double) -> Bool { value.isFinite && value > 0 }
    return threads.allSatisfy { roofs in
      roofs.threads >= 1 && roofs.threads <= 1 << 16
        && roofs.compute.allSatisfy { isRate($0.operationsPerSecond) }
        && roofs.bandwidth.allSatisfy {
          isRate($0.readBytesPerSecond) && isRate($0.copyBytesPerSecond) && $0.bytesPerThread > 0
        }
    }
  }
}

extension HostProbe {
  /// The cached roofs of this host; measures and stores them if there are none.
  ///
  /// - Throws: what ``run(progress:)`` and ``RoofCache/store(_:)`` throw.
  public func run(
    cache: RoofCache, progress: (ProbeProgress) -> Void = { _ in }
  ) throws -> HostRoofs {
    if let known = cache.roofs(of: fingerprint) { return known }
    let roofs = try run(progress: progress)
    try cache.store(roofs)
    return roofs
  }
}
