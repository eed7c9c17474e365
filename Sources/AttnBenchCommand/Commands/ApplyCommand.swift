// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionCore
import AttentionEngines
import AttentionMechanisms
import AttentionReference
import Foundation
import SuiteRunner
import TensorFiles

/// One mechanism on the user's own tensors.
struct ApplyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Run one mechanism on your own tensors and write its output.",
    discussion: """
      Tensors are [batch, heads, sequence, headDim] in .npy (or the only array of a .npz); mechanisms \
      that mix token features take --x [batch, sequence, channels]. Weights that are not given are \
      drawn from --seed; `attnbench describe` names them.

        attnbench apply neighborhood --grid 12x15 --set window=4x6 --set dilation=1x2 \
      --q q.npy --k k.npy --v v.npy --out o.npy
        attnbench apply performer --causal --weights w.npz --q q.npy --k k.npy --v v.npy --out o.npy
        attnbench apply fnet --x x.npy --out y.npy
      """)

  @Argument(help: "The mechanism's id.")
  var id: String
  @Option(help: "Query tensor.") var q: String?
  @Option(help: "Key tensor.") var k: String?
  @Option(help: "Value tensor.") var v: String?
  @Option(help: "Token features, for mechanisms that take them.") var x: String?
  @Option(help: "Weights as .npz, by name.") var weights: String?
  @Option(help: "Heads of --x, where the mechanism has any.") var heads: Int?
  @OptionGroup var parameters: ParameterOptions
  @Option(help: "Token grid such as 30x48x80.") var grid: Extents?
  @Flag(help: "No query sees a later key.") var causal = false
  @Option(help: "bottom-right (default) or top-left, for unequal lengths.")
  var causalAlignment = "bottom-right"
  @Option(help: "Factor of the scores; default 1 / sqrt(headDim).") var scale: Double?
  @Option(help: "Seed of weights that are not given.") var seed: UInt64 = 0
  @Flag(help: "Compute with the oracle in Double instead of the kernel.") var oracle = false
  @Option(help: "Where the output goes, as .npy.") var out: String
  @OptionGroup var kernelOptions: KernelOptions

  func run() throws {
    BLASCore.correct(note: StandardError.note)
    let entry = try MechanismCatalogue.entry(id)
    let (inputs, shape) = try entry.card.inputs == .tokens ? tokenInputs() : headInputs()
    let archive = try weights.map { try TensorFile.archive(path: $0) }
    let overrides = try implied(entry, archive).merging(parameters.overrides()) { $1 }
    let mechanism = try entry.make(overrides, shape: shape)
    let weights = try merged(archive, mechanism)
    guard !oracle else {
      let problem = ReferenceProblem(shape: shape, inputs: inputs, weights: weights)
      let result = mechanism.oracle(problem)
      try NumpyArray.write(
        try StoredTensor(extents: result.extents, elements: result.values), to: out)
      return
    }
    let context = try kernelOptions.context()
    let engine = try Engines.prepare(mechanism.plan, weights: weights, context: context)
    let output = Tensor<Float>(mechanism.outputExtents)
    engine.run(inputs, into: output)
    try NumpyArray.write(
      try StoredTensor(extents: output.extents, elements: output.array), to: out)
  }

  private var causality: Causality {
    get throws {
      guard ["bottom-right", "top-left"].contains(causalAlignment) else {
        throw Refusal.usage("--causal-alignment is bottom-right or top-left")
      }
      return !causal ? .none : causalAlignment == "top-left" ? .topLeft : .bottomRight
    }
  }

  private func headInputs() throws -> (AttentionInputs, AttentionShape) {
    guard x == nil else {
      throw Refusal.usage("'\(id)' takes --q, --k and --v, not --x")
    }
    guard let q, let k, let v else {
      throw Refusal.usage("'\(id)' needs --q, --k and --v")
    }
    let query = try TensorFile.read(path: q).expect(rank: 4)
    let key = try TensorFile.read(path: k)
      .expect(extents: [query.extents[0], nil, nil, query.extents[3]])
    let value = try TensorFile.read(path: v)
      .expect(extents: [query.extents[0], key.extents[1], key.extents[2], nil])
    let shape = try AttentionShape(
      batch: query.extents[0], queryHeads: query.extents[1], keyValueHeads: key.extents[1],
      queryLength: query.extents[2], keyLength: key.extents[2], headDim: query.extents[3],
      valueDim: value.extents[3], causality: try causality, grid: grid, scale: scale)
    let inputs = AttentionInputs.queryKeyValue(
      query: try Tensor(stored: query), key: try Tensor(stored: key),
      value: try Tensor(stored: value))
    return (inputs, shape)
  }

  private func tokenInputs() throws -> (AttentionInputs, AttentionShape) {
    guard q == nil, k == nil, v == nil, let x else {
      throw Refusal.usage("'\(id)' mixes token features: it takes --x alone")
    }
    let tokens = try TensorFile.read(path: x).expect(rank: 3)
    let heads = heads ?? 1
    guard heads >= 1, tokens.extents[2].isMultiple(of: heads) else {
      throw Refusal.usage(
        "--heads \(heads): the \(tokens.extents[2]) channels of \(x) must be a multiple of it")
    }
    let shape = try AttentionShape(
      batch: tokens.extents[0], queryHeads: heads, queryLength: tokens.extents[1],
      headDim: tokens.extents[2] / heads, causality: try causality, grid: grid, scale: scale)
    return (.tokens(try Tensor(stored: tokens)), shape)
  }

  /// Parameters that follow from the shapes of the given weights.
  private func implied(
    _ entry: MechanismEntry, _ archive: (any TensorArchive)?
  ) throws -> [String: String] {
    guard let archive else { return [:] }
    var extents: [String: [Int]] = [:]
    for name in archive.names { extents[name] = try archive.tensor(name).extents }
    return entry.impliedOverrides(extents)
  }

  /// Weights of the file over those drawn from the seed.
  private func merged(
    _ archive: (any TensorArchive)?, _ mechanism: any AttentionMechanism
  ) throws -> WeightSet {
    var set = mechanism.drawWeights(Seed(seed).child("weights"))
    guard let archive else { return set }
    let known = mechanism.weightSpecifications
    for name in archive.names {
      guard let expected = known.first(where: { $0.name == name }) else {
        throw MechanismError.missingWeight(
          name: name, mechanism: id, known: known.map(\.name))
      }
      let stored = try archive.tensor(name)
      guard stored.extents == expected.extents else {
        throw MechanismError.wrongWeightShape(
          name: name, extents: stored.extents, expected: expected.extents,
          layout: expected.layout)
      }
      set.tensors[name] = try Tensor(stored: stored)
    }
    return set
  }
}
