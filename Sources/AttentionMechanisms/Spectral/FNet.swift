// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionReference

/// The real part of a Fourier transform over tokens and channels, in place of attention.
///
/// `y = Re(F_tokens(F_channels(x)))`, unscaled and without any parameter.
///
/// | Tensor | Shape                         |
/// |--------|-------------------------------|
/// | x      | `[batch, sequence, channels]` |
/// | output | `[batch, sequence, channels]` |
///
/// With `n` tokens and `c` channels a complex transform does `5 n c (log2 n + log2 c)` operations.
/// The real part of a real input needs a quarter of them: that is executed and priced.
///
/// Source: Lee-Thorp et al., *FNet: Mixing Tokens with Fourier Transforms* (2021),
/// arXiv:2105.03824, section 3.
public struct FNet: AttentionMechanism {
  public static let card = MechanismCard(
    id: "fnet", title: "FNet", family: .spectral,
    origin: Citation(
      "FNet: Mixing Tokens with Fourier Transforms", arXiv: "2105.03824", year: 2021),
    summary: "Mixes tokens and channels by the real part of a two-dimensional Fourier transform.",
    inputs: .tokens, patterns: [.noncausalSelf], exactness: .approximate, laws: [],
    cost: "1.25 n c (log2 n + log2 c) operations, no weights")

  public let parameters: NoParameters
  private let shape: AttentionShape

  public init(_ parameters: NoParameters, shape: AttentionShape) throws(MechanismError) {
    self.parameters = parameters
    self.shape = shape
  }

  public var plan: Plan { Plan(shape: shape, stages: [.mixTokens(.fourier2D)]) }

  public func oracle(_ problem: ReferenceProblem) -> ReferenceOutput {
    let tokens = problem.shape.queryLength
    let channels = problem.shape.channels
    var values: [Double] = []
    for var real in problem.tokenMatrices() {
      var imaginary = Rows(count: tokens, width: channels)
      for row in 0..<tokens {
        let spectrum = FourierReference.transform(
          real: Array(real[row]), imaginary: Array(imaginary[row]))
        real[row] = spectrum.real[...]
        imaginary[row] = spectrum.imaginary[...]
      }
      for channel in 0..<channels {
        let spectrum = FourierReference.transform(
          real: (0..<tokens).map { real[$0, channel] },
          imaginary: (0..<tokens).map { imaginary[$0, channel] })
        for row in 0..<tokens {
          real[row, channel] = spectrum.real[row]
        }
      }
      values += real.values
    }
    return ReferenceOutput(extents: problem.shape.tokenExtents, values: values)
  }
}

extension ReferenceProblem {
  /// The token features of every batch, widened to Double.
  ///
  /// - Requires: `inputs` is `.tokens`.
  func tokenMatrices() -> [Rows] {
    guard case .tokens(let features) = inputs else {
      preconditionFailure("the mechanism takes token features")
    }
    let count = shape.queryLength * shape.channels
    return (0..<shape.batch).map {
      Rows(features.base + $0 * count, shape.queryLength, shape.channels)
    }
  }
}
