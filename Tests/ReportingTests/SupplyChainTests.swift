// SPDX-License-Identifier: MIT

import Foundation
import Reporting
import Testing

/// What is taken from elsewhere, and what a reader's browser or a forge is asked to run.
@Suite struct SupplyChainTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  private static func text(_ file: String) throws -> String {
    try String(contentsOf: root.appendingPathComponent(file), encoding: .utf8)
  }

  @Test func dependenciesArePinnedByVersion() throws {
    let lines = try Self.text("Package.swift").split(separator: "\n")
      .filter { $0.contains(".package(url:") }
    #expect(lines.count >= 5)
    for line in lines { #expect(line.contains("exact: \""), "\(line)") }
  }

  @Test func theListOfLicencesNamesEveryDependency() throws {
    let listed = try Self.text("Documentation/Licences.md")
    let manifest = try Self.text("Package.swift")
    for match in manifest.matches(of: #/url: "https:\/\/github\.com\/([^"]+)"/#) {
      #expect(listed.contains(match.1), "\(match.1) is not in Documentation/Licences.md")
    }
    for library in ["OpenBLAS", "FFTW", "PAPI", "zlib", "SQLite", "gnuplot", "Boost"] {
      #expect(listed.contains(library), "\(library)")
    }
  }

  @Test func workflowsMayOnlyRead() throws {
    let folder = Self.root.appendingPathComponent(".github/workflows")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(!files.isEmpty)
    for file in files {
      let text = try Self.text(".github/workflows/\(file)")
      #expect(text.contains("permissions:\n  contents: read\n"), "\(file)")
      #expect(!text.contains("write") || !text.contains(": write"), "\(file)")
      #expect(!text.contains("pull_request_target"), "\(file)")
    }
  }

  /// The page that opens from disk asks nobody for anything.
  @Test func theTemplatesNameNoRemoteScript() throws {
    let folder = Self.root.appendingPathComponent("Sources/Reporting/Templates")
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
      let text = try Self.text("Sources/Reporting/Templates/\(file)")
      for match in text.matches(
        of: #/(?i)(src|href|action|url|import)\s*[=(]\s*["']?(https?:)?\/\//#)
      where match.1.lowercased() != "href" {
        Issue.record("\(file): \(match.0)")
      }
      #expect(!text.contains("fetch(") && !text.contains("XMLHttpRequest"), "\(file)")
      #expect(!text.contains("eval(") && !text.contains("sendBeacon"), "\(file)")
    }
  }
}
