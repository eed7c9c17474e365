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
      Tensors are .npy, .npz or .safetensors of any float type; NAME of an archive that holds \
      several is written FILE:NAME, and --qkv takes one archive that holds q, k and v. Axes are \
      [batch, heads, tokens, width] unless --layout says otherwise (B batch, H heads, N tokens, \
      D width); the output has the layout of the query. Keys and values may have fewer heads than \
      queries: grouped heads follow from the files. Mechanisms that mix token features take \
      --x [batch, tokens, channels].
      Weights that are not given are drawn from --seed; `attnbench describe` names them.

        attnbench apply moba --causal --qkv capture.npz --out o.npy
        attnbench apply flash --layout NHD --q q.npy --k k.npy --v v.npy \\
          --out o.npy
        attnbench apply flash --causal --q a.safetensors:l0.q \\
          --k a.safetensors:l0.k --v a.safetensors:l0.v --out o.npy
        attnbench apply neighborhood --grid 12x15 --set window=4x6 \\
          --qkv image.npz --out o.npy
        attnbench apply performer --weights w.npz --qkv capture.npz --out o.npy
        attnbench apply fnet --x x.npy --out y.npy

      To compare mechanisms on your tensors, name the files in a suite: see the README.
      """)

  @Argument(help: "The mechanism's id.")
  var id: String
  @Option(help: ArgumentHelp("Query tensor.", valueName: "file[:name]"), completion: .file())
  var q: String?
  @Option(help: ArgumentHelp("Key tensor.", valueName: "file[:name]"), completion: .file())
  var k: String?
  @Option(help: ArgumentHelp("Value tensor.", valueName: "file[:name]"), completion: .file())
  var v: String?
  @Option(
    help: ArgumentHelp("An archive that holds q, k and v.", valueName: "file"),
    completion: .file(extensions: ["npz", "safetensors"]))
  var qkv: String?
  @Option(help: "Axes of query, key, value and output: BHND, BNHD, HND or NHD.")
  var layout = TensorLayout.batchHeadsTokens
  @Option(
    help: ArgumentHelp(
      "Token features, for mechanisms that take them.", valueName: "file[:name]"),
    completion: .file())
  var x: String?
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
      return try write(StoredTensor(extents: result.extents, elements: result.values), shape)
    }
    let context = try kernelOptions.context()
    let engine = try Engines.prepare(mechanism.plan, weights: weights, context: context)
    let output = Tensor<Float>(mechanism.outputExtents)
    engine.run(inputs, into: output)
    try write(StoredTensor(extents: output.extents, elements: output.array), shape)
  }

  /// Writes the output in the layout of the query.
  private func write(_ output: StoredTensor, _ shape: AttentionShape) throws {
    let isPerHead = output.extents == shape.outputExtents
    try NumpyArray.write(isPerHead ? try layout.arranged(output) : output, to: out)
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
    let files = try headFiles()
    let query = try layout.standard(files.query.read())
    let key = try layout.standard(files.key.read())
      .expect(extents: [query.extents[0], nil, nil, query.extents[3]])
    let value = try layout.standard(files.value.read())
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

  private typealias HeadFiles = (
    query: TensorReference, key: TensorReference, value: TensorReference
  )

  private func headFiles() throws -> HeadFiles {
    if let qkv {
      guard q == nil, k == nil, v == nil else {
        throw Refusal.usage("give --qkv, or --q, --k and --v, not both")
      }
      func part(_ name: String) -> TensorReference { TensorReference(path: qkv, name: name) }
      return (part("q"), part("k"), part("v"))
    }
    guard let q, let k, let v else {
      throw Refusal.usage("'\(id)' needs --q, --k and --v, or --qkv with one archive of all three")
    }
    return (TensorReference(q), TensorReference(k), TensorReference(v))
  }

  private func tokenInputs() throws -> (AttentionInputs, AttentionShape) {
    guard q == nil, k == nil, v == nil, qkv == nil, let x else {
      throw Refusal.usage("'\(id)' mixes token features: it takes --x alone")
    }
    let tokens = try TensorReference(x).read().expect(rank: 3)
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

extension TensorLayout: ExpressibleByArgument {}
