// SPDX-License-Identifier: MIT

/// What a faster attention gains in a whole model.
///
/// `1 / (1 - f + f / s)`, with `f` attention's share of the time times the share of steps that use
/// the faster attention, and `s` its speed-up.
public struct EndToEnd: Hashable, Sendable, Codable {
  /// Attention's share of the model's time, 0 to 1.
  public let attentionShare: Double
  /// Steps of the model, such as those of a diffusion sampler.
  public let steps: Int
  /// Steps that keep dense attention.
  public let denseSteps: Int

  /// - Throws: ``SimulatorError`` if the share is not between 0 and 1, there is no step, or more
  ///   steps are dense than there are.
  public init(
    attentionShare: Double, steps: Int = 1, denseSteps: Int = 0
  ) throws(SimulatorError) {
    guard attentionShare >= 0, attentionShare <= 1 else {
      throw .shareOutOfRange(name: "attention share", value: attentionShare)
    }
    guard steps >= 1 else { throw .tooSmall(name: "steps", value: steps, least: 1) }
    guard denseSteps >= 0 else { throw .tooSmall(name: "dense steps", value: denseSteps, least: 0) }
    guard denseSteps <= steps else {
      throw .shareOutOfRange(
        name: "dense steps over steps", value: Double(denseSteps) / Double(steps))
    }
    self.attentionShare = attentionShare
    self.steps = steps
    self.denseSteps = denseSteps
  }

  /// The share of the whole time that the faster attention replaces.
  public var replacedShare: Double {
    attentionShare * Double(steps - denseSteps) / Double(steps)
  }

  /// The speed-up of the whole model where attention is `speedUp` times as fast.
  public func speedUp(attention speedUp: Double) -> Double {
    1 / (1 - replacedShare + replacedShare / speedUp)
  }

  /// As ``speedUp(attention:)`` with the attention speed-up rounded to one decimal first, as the
  /// tables of arXiv:2504.16922 do.
  public func publishedSpeedUp(attention speedUp: Double) -> Double {
    self.speedUp(attention: (speedUp * 10).rounded() / 10)
  }

  /// The most that any attention could gain.
  public var limit: Double { 1 / (1 - replacedShare) }
}

/// A model whose share of time in attention has been published.
public struct KnownModel: Hashable, Sendable, Codable {
  public let name: String
  public let attentionShare: Double
  public let steps: Int

  /// Shares of self-attention on one B200.
  ///
  /// Source: Hassani et al., *Generalized Neighborhood Attention* (2025), arXiv:2504.16922.
  public static let all = [
    KnownModel(name: "Cosmos-7B", attentionShare: 0.587, steps: 35),
    KnownModel(name: "HunyuanVideo", attentionShare: 0.607, steps: 50),
    KnownModel(name: "FLUX.1-dev 4K", attentionShare: 0.518, steps: 28),
  ]
}
