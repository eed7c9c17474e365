// SPDX-License-Identifier: MIT

import HostileInput
import Testing

/// The short form of `make torture`'s fuzzing: every parser answers every input.
@Suite(.serialized) struct HostileInputTests {
  private static let names = HostileParser.all.map(\.name)

  @Test(arguments: names)
  func everyInputIsReadOrRefusedWithAMessage(name: String) throws {
    let parser = try #require(HostileParser.all.first { $0.name == name })
    var accepted = 0
    var slowest = Duration.zero
    for index in 0..<parser.shortCount {
      let input = parser.input(seed: 1, index: index)
      let start = ContinuousClock.now
      switch parser.attempt(input) {
      case .accepted: accepted += 1
      case .refused: break
      case .unclear(let reason): Issue.record("input \(index) of \(name): \(reason)")
      }
      slowest = max(slowest, start.duration(to: .now))
    }
    // A second of this thread; the machine may be busy with ten others.
    #expect(slowest < .seconds(10))
    // Inputs that are all valid, or all refused at the first byte, would test nothing.
    #expect(accepted > 0 && accepted < parser.shortCount)
  }

  /// Three short lists whose product is no suite.
  @Test func productsOfListsAreCountedBeforeTheyAreMade() throws {
    let parser = try #require(HostileParser.all.first { $0.name == "suite" })
    let shapes = (1...200).map { "{ length: \($0), headDim: 16 }" }.joined(separator: ", ")
    let names = Array(repeating: "flash", count: 200).joined(separator: ", ")
    let text = """
      suite: wide
      cases:
        - shapes: [\(shapes)]
          inputs: [gaussian, rare-large]
          mechanisms: [\(names)]
      """
    let outcome = parser.attempt(Array(text.utf8))
    guard case .refused(let message) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(message.contains("make 80000 cases; a suite has at most 10000"))
  }

  @Test func theSameSeedGivesTheSameInputs() throws {
    for parser in HostileParser.all {
      #expect(parser.input(seed: 3, index: 40) == parser.input(seed: 3, index: 40))
      #expect(parser.input(seed: 3, index: 40) != parser.input(seed: 4, index: 41))
    }
  }
}
