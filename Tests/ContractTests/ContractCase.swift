// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionMechanisms
import AttentionReference
import SuiteRunner
import Testing

/// One mechanism with parameters that suit small problems.
struct ContractCase: CustomTestStringConvertible, Sendable {
  let id: String
  let overrides: [String: String]
  /// Sizes that the parameters need beside the common ones.
  var grid: Extents?
  var extraKeys = 0
  var keyValueHeads: Int?
  var length: Int?

  init(
    _ id: String, _ overrides: [String: String] = [:], grid: Extents? = nil, extraKeys: Int = 0,
    keyValueHeads: Int? = nil, length: Int? = nil
  ) {
    self.keyValueHeads = keyValueHeads
    self.id = id
    self.overrides = overrides
    self.grid = grid
    self.extraKeys = extraKeys
    self.length = length
  }

  /// Whether the parameters leave one length only.
  var fixesLength: Bool { grid != nil || length != nil }

  var testDescription: String {
    let parameters = overrides.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    return ([id] + parameters + (grid.map { ["grid=\($0)"] } ?? [])).joined(separator: " ")
  }

  /// Every registered mechanism; those whose defaults do not fit small problems get parameters.
  static let all: [ContractCase] = MechanismCatalogue.ids.flatMap { id in
    variants[id] ?? lowBitVariants[id] ?? localVariants[id] ?? gridVariants[id]
      ?? linearVariants[id] ?? [
        ContractCase(id)
      ]
  }

  private static let variants: [String: [ContractCase]] = [
    "split-kv": ["float32", "bfloat16", "int8"].flatMap { precision in
      [
        ContractCase("split-kv", ["keyValuePrecision": precision]),
        ContractCase("split-kv", ["keyValuePrecision": precision, "splits": "3"]),
      ]
    },
    "neighborhood": [
      ContractCase("neighborhood", ["window": "1"]),
      ContractCase("neighborhood", ["window": "4x6", "dilation": "1x2"], grid: [12, 15]),
      ContractCase(
        "neighborhood", ["window": "4x6", "dilation": "1x2", "tiles": "flat"], grid: [12, 15]),
      ContractCase(
        "neighborhood", ["window": "5x4", "stride": "2x3", "causalAxes": "0", "extraKeys": "7"],
        grid: [14, 15], extraKeys: 7),
      ContractCase(
        "neighborhood",
        ["window": "3x4x5", "stride": "2x1x3", "causalAxes": "0,2", "dilation": "2x1x1"],
        grid: [7, 9, 11]),
      ContractCase("neighborhood", ["window": "8x8", "stride": "8x8"], grid: [16, 24]),
      ContractCase("neighborhood", ["window": "7x7"], grid: [14, 37]),
      ContractCase("neighborhood", ["window": "7x7", "tiles": "grid"], grid: [14, 37]),
      ContractCase("neighborhood", ["window": "4x20", "tiles": "diagonal"], grid: [9, 21]),
      ContractCase("neighborhood", ["window": "3x3", "tiles": "diagonal"], grid: [3, 5]),
      ContractCase("neighborhood", ["window": "2x1", "tiles": "diagonal"], grid: [33, 18]),
      ContractCase("neighborhood", ["window": "3x4x5", "tiles": "diagonal"], grid: [6, 7, 19]),
      ContractCase("neighborhood", ["window": "2x2x2", "tiles": "diagonal"], grid: [2, 9, 16]),
      ContractCase("neighborhood", ["window": "5x8x9", "tiles": "diagonal"], grid: [6, 21, 19]),
      ContractCase("neighborhood", ["window": "12", "tiles": "diagonal"], grid: [50]),
      ContractCase(
        "neighborhood", ["window": "5x5", "dilation": "2x1", "tiles": "diagonal"], grid: [12, 17]),
    ],
    "moba": [
      ContractCase("moba", ["blockSize": "48", "topK": "3"]),
      ContractCase("moba", ["blockSize": "48", "topK": "3", "order": "byQuery"]),
      ContractCase("moba", ["blockSize": "16", "topK": "40"]),
      ContractCase("moba", ["blockSize": "31", "topK": "1"]),
    ],
    "vmoba": [
      ContractCase("vmoba", ["chunk": "48"]),
      ContractCase("vmoba", ["chunk": "48", "order": "byQuery"]),
      ContractCase("vmoba", ["chunk": "31", "scope": "row", "threshold": "0.5"]),
      ContractCase("vmoba", ["chunk": "2x4x4", "threshold": "0.4"], grid: [4, 9, 8]),
      ContractCase("vmoba", ["chunk": "2x4x4", "scope": "block"], grid: [4, 9, 8]),
      ContractCase(
        "vmoba", ["chunk": "4x4x3", "scope": "overall", "order": "byQuery"], grid: [4, 9, 8]),
      ContractCase("vmoba", ["chunk": "48", "mode": "top", "scope": "head", "topK": "2"]),
      ContractCase("vmoba", ["chunk": "48", "mode": "top", "scope": "row", "topK": "2"]),
      ContractCase(
        "vmoba", ["chunk": "2x4x4", "mode": "top", "scope": "overall"], grid: [4, 9, 8]),
    ],
    "biformer": [
      ContractCase("biformer", ["regions": "5", "topK": "2"]),
      ContractCase("biformer", ["regions": "3", "topK": "4"], grid: [14, 16]),
      ContractCase(
        "biformer", ["regions": "4", "topK": "3", "order": "byBlock"], grid: [14, 16]),
    ],
    "seer": [
      ContractCase("seer", ["blockSize": "32", "gateDim": "24"]),
      ContractCase("seer", ["blockSize": "32", "method": "ratio", "nonzeroRatio": "0.3"]),
      ContractCase(
        "seer", ["blockSize": "24", "threshold": "0.2", "lastRows": "2", "order": "byBlock"]),
      ContractCase("seer", ["blockSize": "64", "threshold": "0.3"]),
    ],
    "seer-r": [
      ContractCase("seer-r", ["blockSize": "32", "gateDim": "24", "budget": "96"]),
      ContractCase(
        "seer-r", ["blockSize": "24", "budget": "24", "method": "threshold", "threshold": "0.2"]),
      ContractCase("seer-r", ["blockSize": "32", "budget": "64", "order": "byBlock"]),
    ],
    "nsa": [
      ContractCase("nsa", ["window": "48", "topK": "6", "blockSize": "32"]),
      ContractCase(
        "nsa",
        [
          "poolLength": "16", "poolStep": "16", "blockSize": "16", "topK": "3",
          "initialBlocks": "0",
          "localBlocks": "1", "window": "20",
        ]),
      ContractCase("nsa", ["topK": "4", "order": "byBlock"]),
    ],
    "pbs": [
      ContractCase("pbs", ["blockSize": "16", "segment": "32"]),
      ContractCase("pbs", ["blockSize": "24", "segment": "72", "mass": "0.6"]),
    ],
    "proxyattn": [
      ContractCase("proxyattn", ["blockSize": "32", "headsPerProxy": "2", "mass": "0.6"]),
      ContractCase(
        "proxyattn",
        ["blockSize": "24", "headsPerProxy": "1", "queryStride": "1", "mass": "0.4"]),
      ContractCase("proxyattn", ["blockSize": "16", "mass": "0.5", "order": "byBlock"]),
    ],
    "sale": [
      ContractCase("sale", ["queryBlock": "32", "keyBlock": "16", "local": "32"]),
      ContractCase(
        "sale", ["queryBlock": "48", "keyBlock": "31", "local": "40", "threshold": "0.02"]),
      ContractCase(
        "sale", ["queryBlock": "64", "local": "0", "threshold": "0.1", "order": "byBlock"]),
    ],
    "hip": [
      ContractCase("hip", ["maskKeys": "32", "window": "16"]),
      ContractCase(
        "hip", ["maskKeys": "24", "keyBlock": "4", "queryBlock": "16", "window": "0", "sink": "8"]),
      ContractCase("hip", ["maskKeys": "20", "keyBlock": "1", "queryBlock": "48", "window": "7"]),
      ContractCase("hip", ["maskKeys": "64", "keyBlock": "8", "order": "byQuery"]),
    ],
    "longheads": [
      ContractCase("longheads", ["chunkSize": "32", "topK": "4"]),
      ContractCase("longheads", ["chunkSize": "24", "topK": "5", "order": "byQuery"]),
    ],
    "landmark": [
      ContractCase("landmark", ["blockSize": "20", "topK": "3"]),
      ContractCase("landmark", ["blockSize": "50", "topK": "99"]),
      ContractCase("landmark", ["blockSize": "2", "topK": "5"]),
    ],
    "dsv": [
      ContractCase("dsv", ["cube": "8"]),
      ContractCase("dsv", ["cube": "2x2x2", "share": "0.3"], grid: [4, 9, 8]),
      ContractCase("dsv", ["cube": "3x4", "share": "0.2", "rank": "5"], grid: [13, 14]),
    ],
    "psa": [
      ContractCase("psa", ["queryBlock": "64", "keyBlock": "32"]),
      ContractCase(
        "psa",
        [
          "queryBlock": "48", "keyBlock": "16", "whole": "0.2", "pairs": "0.4", "fours": "0.7",
          "eights": "0.9",
        ]),
    ],
    "paro": [
      ContractCase("paro", ["blockSize": "32"]),
      ContractCase("paro", ["blockSize": "16", "density": "0.3"], grid: [4, 9, 8]),
      ContractCase(
        "paro", ["blockSize": "32", "density": "0.25", "negligible": "0.5"], grid: [14, 16]),
    ],
    "dhsa": [
      ContractCase("dhsa", ["leastChunk": "8", "mostChunk": "32", "budget": "64"]),
      ContractCase(
        "dhsa",
        [
          "leastChunk": "16", "mostChunk": "48", "budget": "96", "borders": "fixed",
          "order": "byBlock",
        ]),
      ContractCase(
        "dhsa",
        ["leastChunk": "1", "mostChunk": "24", "window": "4", "budget": "40", "order": "byRow"]),
    ],
    "minference-vertical-slash": [
      ContractCase(
        "minference-vertical-slash",
        ["columns": "20", "sinkColumns": "4", "diagonals": "12", "nearDiagonals": "5"]),
      ContractCase(
        "minference-vertical-slash",
        [
          "columns": "9", "sinkColumns": "0", "diagonals": "3", "nearDiagonals": "1",
          "queryBlock": "24", "lastQueries": "10",
        ]),
    ],
    "minference-block": [
      ContractCase("minference-block", ["blockSize": "48", "topK": "3"]),
      ContractCase("minference-block", ["blockSize": "48", "topK": "3", "order": "byBlock"]),
      ContractCase("minference-block", ["blockSize": "16", "topK": "11"]),
      ContractCase("minference-block", ["blockSize": "31", "topK": "1"]),
    ],
    "sparge": [
      ContractCase(
        "sparge", ["queryBlock": "48", "keyBlock": "16", "similarity": "-1", "skipBelow": "1"]),
      ContractCase(
        "sparge", ["queryBlock": "64", "keyBlock": "32", "cumulative": "1", "skipBelow": "0.2"]),
      ContractCase("sparge", ["similarity": "-1"]),
      ContractCase("sparge", ["queryBlock": "64", "keyBlock": "32", "similarity": "0.02"]),
      ContractCase(
        "sparge",
        ["queryBlock": "64", "keyBlock": "32", "similarity": "-1", "scores": "int8"]),
      ContractCase(
        "sparge",
        [
          "queryBlock": "48", "keyBlock": "16", "similarity": "-1", "cumulative": "0.7",
          "order": "byBlock",
        ]),
      ContractCase(
        "sparge",
        [
          "queryBlock": "32", "keyBlock": "32", "similarity": "-0.1", "topShare": "0.5",
          "sink": "true",
        ]),
    ],
    "performer": [
      ContractCase("performer", ["features": "64"]),
      ContractCase("performer", ["features": "37"]),
    ],
    "linear": [
      ContractCase("linear"), ContractCase("linear", ["chunkLength": "16"]),
    ],
    "lightning": [
      ContractCase("lightning"), ContractCase("lightning", ["chunkLength": "16"]),
    ],
    "fftnet": [ContractCase("fftnet"), ContractCase("fftnet", ["nonlinearity": "none"])],
  ]

  var card: MechanismCard {
    get throws { try MechanismCatalogue.entry(id).card }
  }

  /// Problems of about `length` tokens: every pattern, grouped heads, unequal dimensions.
  func shapes(length: Int) throws -> [AttentionShape] {
    if let grid {
      return [
        try AttentionShape(
          queryHeads: 4, keyValueHeads: 2, queryLength: grid.count,
          keyLength: grid.count + extraKeys, headDim: 32, valueDim: 24, grid: grid)
      ]
    }
    let length = self.length ?? length
    let card = try card
    guard card.inputs == .queryKeyValue else {
      return [try AttentionShape(batch: 2, queryHeads: 3, queryLength: length, headDim: 11)]
    }
    return try card.patterns.sorted().map { pattern in
      let isCross = pattern == .noncausalCross || pattern == .causalCross
      let isCausal = pattern == .causalSelf || pattern == .causalCross
      return try AttentionShape(
        batch: isCross ? 2 : 1, queryHeads: 4,
        keyValueHeads: keyValueHeads ?? (isCross ? 2 : 4),
        queryLength: length, keyLength: isCross ? length + 37 : length,
        headDim: isCross ? 40 : 64, valueDim: isCross ? 24 : 64,
        causality: isCausal ? .bottomRight : .none)
    }.filter { (try? MechanismCatalogue.entry(id).make(overrides, shape: $0)) != nil }
  }
}

/// A mechanism at a shape with inputs, weights and an engine for any kernel table.
struct ContractProblem {
  let mechanism: any AttentionMechanism
  let inputs: AttentionInputs
  let weights: WeightSet

  init(_ item: ContractCase, shape: AttentionShape, input: GeneratedInput = .gaussian) throws {
    mechanism = try MechanismCatalogue.entry(item.id).make(item.overrides, shape: shape)
    inputs = InputGenerator(seed: Seed(11)).inputs(
      input, kind: mechanism.card.inputs, shape: shape)
    weights = mechanism.drawWeights(Seed(12))
  }

  var shape: AttentionShape { mechanism.plan.shape }

  func run(
    _ context: ExecutionContext, inputs other: AttentionInputs? = nil
  ) throws -> (output: Tensor<Float>, engine: any PreparedAttention) {
    let engine = try Engines.prepare(mechanism.plan, weights: weights, context: context)
    let output = Tensor<Float>(mechanism.outputExtents)
    engine.run(other ?? inputs, into: output)
    return (output, engine)
  }

  func oracle(_ selection: Selection?) -> ReferenceOutput {
    mechanism.oracle(
      ReferenceProblem(shape: shape, inputs: inputs, weights: weights, selection: selection))
  }
}

/// Every kernel table of this CPU with one worker, and the best one with two.
enum Contexts {
  static let single = KernelTable.available.map {
    ExecutionContext(kernels: $0, pool: WorkerPool(threads: 1))
  }

  static var best: ExecutionContext {
    get throws { try #require(single.last) }
  }

  static var pair: ExecutionContext {
    get throws {
      ExecutionContext(
        kernels: try #require(KernelTable.available.last),
        pool: WorkerPool(threads: 2, pins: false))
    }
  }
}
