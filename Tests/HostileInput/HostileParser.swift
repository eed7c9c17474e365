// SPDX-License-Identifier: MIT

import AttentionCore

/// A parser under attack: where its inputs come from and how one of them is read.
public struct HostileParser: Sendable {
  /// Lower-case words joined by hyphens, such as `machine-yaml`.
  public let name: String
  /// Valid texts and known hard ones, which inputs are made from.
  let corpus: [[UInt8]]
  /// Words that the grammar gives a meaning.
  let vocabulary: [String]
  /// Inputs of the parser's own grammar; nil where changed corpus files reach everything.
  let generate: (@Sendable (inout SplitMix64) -> [UInt8])?
  /// Reads an input as the program would; the error is what a user would see.
  let read: @Sendable ([UInt8]) throws -> Void
  /// Inputs that a short test can afford.
  public let shortCount: Int

  /// Longest input that is made [byte]; longer ones are cut.
  let maximumBytes: Int

  init(
    _ name: String, corpus: [[UInt8]], vocabulary: [String] = [], shortCount: Int = 2_000,
    maximumBytes: Int = 1 << 15, generate: (@Sendable (inout SplitMix64) -> [UInt8])? = nil,
    read: @escaping @Sendable ([UInt8]) throws -> Void
  ) {
    self.name = name
    self.corpus = corpus
    self.vocabulary = vocabulary
    self.shortCount = shortCount
    self.maximumBytes = maximumBytes
    self.generate = generate
    self.read = read
  }

  /// The input number `index` of the stream `seed`: the same bytes on every machine.
  public func input(seed: UInt64, index: Int) -> [UInt8] {
    // The corpus comes first, unchanged.
    if index < corpus.count { return corpus[index] }
    var random = SplitMix64(seed: Seed(seed).child(name).child("\(index)"))
    var bytes: [UInt8]
    if let generate, random.integer(below: 3) == 0 {
      bytes = generate(&random)
    } else {
      bytes = corpus[random.integer(below: corpus.count)]
    }
    let mutator = Mutator(corpus: corpus, vocabulary: vocabulary)
    // Some generated inputs stay as they are: they are the ones that get deepest.
    let changes = random.integer(below: 5)
    for _ in 0..<changes { mutator.change(&bytes, &random) }
    return Array(bytes.prefix(maximumBytes))
  }

  /// What reading one input came to.
  public enum Outcome: Hashable, Sendable {
    case accepted
    case refused(message: String)
    /// The message breaks a rule: the reason.
    case unclear(reason: String)
  }

  /// What a message may say beyond the input that it quotes [byte]; the command shortens the whole.
  public static let maximumMessageBytes = 1 << 13

  public func attempt(_ input: [UInt8]) -> Outcome {
    do {
      try read(input)
      return .accepted
    } catch let violation as HostileViolation {
      return .unclear(reason: violation.reason)
    } catch {
      let message = "\(error)"
      if message.isEmpty { return .unclear(reason: "the message is empty") }
      guard message.utf8.count <= input.count + Self.maximumMessageBytes else {
        return .unclear(
          reason: "the message has \(message.utf8.count) bytes: \(message.prefix(200))")
      }
      return .refused(message: message)
    }
  }
}
