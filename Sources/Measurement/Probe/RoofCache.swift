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
    guard let roofs = contents().roofs[fingerprint.key],
      roofs.version == HostRoofs.currentVersion, roofs.fingerprint == fingerprint
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

  private func contents() -> Contents {
    let data = FileManager.default.contents(atPath: path)
    let decoded = data.flatMap { try? JSONDecoder().decode(Contents.self, from: $0) }
    guard let decoded, decoded.schema == Self.schema else {
      return Contents(schema: Self.schema, roofs: [:])
    }
    return decoded
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
