// SPDX-License-Identifier: MIT

import Foundation

/// A copy of a program without symbols, which valgrind reads where it refuses the original's.
///
/// The copy is removed with the value.
final class StrippedCopy {
  let path: String
  private let folder: URL

  /// Copies and strips `binary`.
  ///
  /// - Throws: `Failure` with the reason.
  init(of binary: String, tools: any ToolAccess) throws(Failure) {
    guard let strip = tools.path(of: "strip") else {
      throw Failure(reason: .toolMissing(name: "strip", mend: "apt-get install binutils"))
    }
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("attnbench-\(UUID().uuidString)")
    path = folder.appendingPathComponent("attnbench").path
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch {
      throw Failure(reason: .toolFailed(name: "strip", detail: error.localizedDescription))
    }
    let outcome = tools.run(strip, ["--strip-all", "-o", path, binary], environment: nil)
    if let failure = outcome.failure {
      try? FileManager.default.removeItem(at: folder)
      throw Failure(reason: .toolFailed(name: "strip", detail: failure))
    }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  struct Failure: Error {
    let reason: AbsenceReason
  }
}
