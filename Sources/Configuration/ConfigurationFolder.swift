// SPDX-License-Identifier: MIT

import Foundation

/// A folder of YAML files.
public struct ConfigurationFolder: Hashable, Sendable {
  public let path: String

  public init(_ path: String) {
    self.path = path
  }

  /// Names of its YAML files in order; none where there is no such folder.
  public var files: [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return names.filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.sorted()
  }
}
