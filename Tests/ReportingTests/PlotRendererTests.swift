// SPDX-License-Identifier: MIT

import Foundation
import Reporting
import ResultStore
import Testing

@Suite struct PlotRendererTests {
  @Test(arguments: PlotKind.allCases)
  func gnuplotDrawsAWholeFile(kind: PlotKind) throws {
    let folder = try RecordedRun.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    let report = try RecordedRun.report()
    let svg = try PlotRenderer().draw(kind, of: report, as: .svg, in: folder.path)
    let png = try PlotRenderer().draw(kind, of: report, as: .png, in: folder.path)
    #expect(svg.value == kind.fileName(.svg))
    #expect(png.value == kind.fileName(.png))
    let picture = try String(
      contentsOfFile: "\(folder.path)/\(kind.fileName(.svg))", encoding: .utf8)
    #expect(picture.contains("<svg"))
    #expect(picture.contains("</svg>"))
    #expect(picture.contains("neighborhood"))
    let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/\(kind.fileName(.png))"))
    #expect(bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]))
    #expect(bytes.count > 10_000)
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(Set(files) == [kind.fileName(.svg), kind.fileName(.png)])
  }

  @Test func aMissingGnuplotIsAClearError() throws {
    let renderer = PlotRenderer(program: "no-such-gnuplot")
    #expect {
      try renderer.run("plot x")
    } throws: { error in
      guard case ReportingError.noGnuplot(let cause) = error else { return false }
      return cause.contains("no-such-gnuplot") && cause.contains("install gnuplot-nox")
    }
  }

  @Test func aRefusedScriptGivesGnuplotsOwnWords() {
    #expect {
      try PlotRenderer().run("plot nonsense(")
    } throws: { error in
      guard case ReportingError.plotRefused(let cause) = error else { return false }
      return cause.contains("nonsense")
    }
  }

  @Test func aProgramThatStopsReadingDoesNotKillTheCaller() {
    // Larger than a pipe holds, so that the last writes find no reader.
    let script = String(repeating: "# a long comment\n", count: 100_000)
    #expect {
      try PlotRenderer(program: "false").run(script)
    } throws: { error in
      if case ReportingError.plotRefused = error { true } else { false }
    }
    #expect {
      try PlotRenderer(program: "true").run(script)
    } throws: { error in
      if case ReportingError.plotRefused = error { true } else { false }
    }
  }

  @Test func aHungGnuplotIsStopped() {
    #expect {
      try PlotRenderer(timeLimit: 0.2).run("pause 30")
    } throws: { error in
      if case ReportingError.plotTimedOut = error { true } else { false }
    }
  }

  @Test func aReportIsWrittenWithoutGnuplot() throws {
    let folder = try RecordedRun.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    let writer = ReportWriter(renderer: PlotRenderer(program: "no-such-gnuplot"))
    let outcome = try writer.write(try RecordedRun.report(), to: folder)
    #expect(outcome.files == TextFormat.allCases.map(\.fileName) + [ReportWriter.pageName])
    #expect(outcome.notes.count == PlotKind.allCases.count)
    let page = try String(contentsOfFile: "\(folder.path)/report.md", encoding: .utf8)
    #expect(!page.contains("]("))
  }

  @Test func aReportWithPicturesShowsThem() throws {
    let folder = try RecordedRun.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder.path) }
    let outcome = try ReportWriter().write(try RecordedRun.report(), to: folder)
    #expect(outcome.notes.isEmpty)
    #expect(
      outcome.files.count
        == PlotKind.allCases.count * ImageFormat.allCases.count + TextFormat.allCases.count + 1)
    let page = try String(contentsOfFile: "\(folder.path)/report.md", encoding: .utf8)
    #expect(page.contains("](roofline.svg)"))
  }
}
