// SPDX-License-Identifier: MIT

import Foundation

/// The files that inputs are made from: the project's own, and those that once broke something.
enum Corpus {
  /// The package's own folder.
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Every file of `Corpus/<parser>`, in the order of their names.
  static func kept(_ parser: String) -> [[UInt8]] {
    files(below: "Tests/HostileInput/Corpus/\(parser)", ending: "")
  }

  /// The files of a folder of the package whose names end in `ending`.
  static func files(below folder: String, ending: String) -> [[UInt8]] {
    let path = root.appendingPathComponent(folder)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path.path)) ?? []
    return names.filter { $0.hasSuffix(ending) && !$0.hasPrefix(".") }.sorted().compactMap { name in
      FileManager.default.contents(atPath: path.appendingPathComponent(name).path).map { Array($0) }
    }
  }
}
