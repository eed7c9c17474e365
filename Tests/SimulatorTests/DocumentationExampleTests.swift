// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import Simulator
import Testing

@Suite struct DocumentationExampleTests {
  /// How much a blocked window over an image can gain on an accelerator.
  func imageBounds() throws -> BoundReport {
    let shape = try AttentionShape(queryHeads: 24, queryLength: 256 * 256, headDim: 128)
    let axis = AxisWindow(length: 256, window: 80, stride: 16, dilation: 1, isCausal: false)
    let mask = NeighborhoodMask(axes: [axis, axis])
    return try BoundReport(
      plan: Plan(shape: shape, stages: [.attend(Attend(rule: .neighborhood(mask)))]),
      dense: Plan(shape: shape, stages: [.attend(Attend())]),
      machine: MachineSource("h100").machine(),
      layout: .tiles(TilePair(query: [16, 16], key: [16, 8]), .static))
  }

  @Test func theExampleGivesThePublishedBound() throws {
    let report = try imageBounds()
    // 256^2 / 80^2: FLUX.1-dev at 4K with stride 16x16 of arXiv:2504.16922.
    #expect(report.worstTileBound == 10.24)
    #expect(report.tileBound == 10.24)
    #expect(try #require(report.rooflineBound) > 1)
  }

  @Test func thePageShowsTheExampleThatIsCompiledHere() throws {
    let tests = URL(fileURLWithPath: #filePath)
    let page = tests.deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Documentation/Simulator.md")
    let text = try String(contentsOf: page, encoding: .utf8)
    let block = try #require(text.components(separatedBy: "```swift\n").dropFirst().first)
    let source = try String(contentsOf: tests, encoding: .utf8)
    let known = Set(source.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) })
    let shown = block.components(separatedBy: "```")[0].split(separator: "\n")
    #expect(shown.count > 10)
    for line in shown {
      #expect(known.contains(line.trimmingCharacters(in: .whitespaces)), "\(line)")
    }
  }
}
