// SPDX-License-Identifier: MIT

import Foundation

/// The run folders at or below a path.
public enum RunDiscovery {
  /// Folders deeper than this below the given one are not searched.
  private static let depthLimit = 5

  /// Folders that hold a journal, in alphabetical order; symbolic links are not followed.
  public static func folders(below path: String) -> [RunFolder] {
    search(path, depth: 0)
  }

  private static func search(_ path: String, depth: Int) -> [RunFolder] {
    let folder = RunFolder(existing: path)
    if folder.hasJournal { return [folder] }
    guard depth < depthLimit,
      let names = try? FileManager.default.contentsOfDirectory(atPath: path)
    else { return [] }
    return names.filter { !$0.hasPrefix(".") }.sorted().flatMap { name -> [RunFolder] in
      let child = "\(path)/\(name)"
      let kind = try? FileManager.default.attributesOfItem(atPath: child)[.type]
      guard kind as? FileAttributeType == .typeDirectory else { return [] }
      return search(child, depth: depth + 1)
    }
  }
}
