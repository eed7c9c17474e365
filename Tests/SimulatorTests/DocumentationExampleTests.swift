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

  /// How much faster one layer can be on eight devices than on one.
  func eightDevices() throws -> DevicesFloor {
    let machine = try MachineSource("h100").machine()
    let shape = try AttentionShape(
      queryHeads: 32, queryLength: 131_072, headDim: 128, causality: .bottomRight)
    let plan = Plan(shape: shape, stages: [.attend(Attend())])
    let ring = try SequenceParallel(
      plan: plan, partition: .striped, machine: machine, link: machine.link())
    return try ring.floor(devices: 8)
  }

  @Test func theExampleOfSeveralDevicesIsEvenlyLoaded() throws {
    let floor = try eightDevices()
    #expect(!floor.communicationBinds)
    #expect((7.9...8).contains(floor.speedUp))
  }

  @Test(arguments: [
    "Documentation/Simulator.md", "Sources/Simulator/Simulator.docc/Simulator.md",
    "Sources/Simulator/Simulator.docc/SeveralDevices.md",
  ])
  func pagesShowExamplesThatAreCompiledHere(page: String) throws {
    let tests = URL(fileURLWithPath: #filePath)
    let root = tests.deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appendingPathComponent(page), encoding: .utf8)
    let source = try String(contentsOf: tests, encoding: .utf8)
    let known = Set(source.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) })
    let blocks = text.components(separatedBy: "```swift\n").dropFirst()
    #expect(!blocks.isEmpty)
    for block in blocks {
      let shown = block.components(separatedBy: "```")[0].split(separator: "\n")
      #expect(shown.count > 5)
      for line in shown {
        #expect(known.contains(line.trimmingCharacters(in: .whitespaces)), "\(line)")
      }
    }
  }
}
