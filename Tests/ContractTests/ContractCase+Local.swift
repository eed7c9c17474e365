// SPDX-License-Identifier: MIT

import AttentionCore

extension ContractCase {
  /// Parameters that suit small problems, of mechanisms with static masks.
  static let localVariants: [String: [ContractCase]] = [
    "a-shape": [
      ContractCase("a-shape", ["sinks": "5", "window": "40"]),
      ContractCase("a-shape", ["sinks": "0", "window": "1"]),
      ContractCase("a-shape", ["sinks": "70", "window": "33", "fullQueries": "50"]),
    ],
    "streaming-llm": [ContractCase("streaming-llm", ["window": "60"])],
    "block-sparse-flash": [
      ContractCase("block-sparse-flash", ["blockSize": "16"]),
      ContractCase("block-sparse-flash", ["blockSize": "10", "globalBlocks": "0"]),
      ContractCase("block-sparse-flash", ["blockSize": "24", "mask": "random"]),
    ],
    "memory-efficient": [
      ContractCase("memory-efficient", ["keyChunk": "64"]),
      ContractCase("memory-efficient", ["keyChunk": "37"]),
      ContractCase("memory-efficient", ["form": "scan", "extraLogit": "true"]),
    ],
    "fusemax": [
      ContractCase("fusemax", ["passes": "1"]), ContractCase("fusemax", ["passes": "3"]),
      ContractCase("fusemax", ["passes": "2", "keyTile": "32"]),
      ContractCase("fusemax", ["passes": "2", "keyTile": "7"]),
    ],
    "flex": [
      ContractCase("flex"), ContractCase("flex", ["mask": "none", "score": "alibi"]),
      ContractCase("flex", ["mask": "none", "score": "relative", "reach": "17"]),
      ContractCase(
        "flex", ["mask": "neighborhood", "window": "5", "score": "relative"], grid: [13, 18]),
      ContractCase(
        "flex", ["mask": "dilated", "window": "12", "dilation": "3", "score": "relative"]),
      ContractCase("flex", ["mask": "window", "window": "20"]),
      ContractCase("flex", ["mask": "none", "softCap": "2"]),
      ContractCase("flex", ["mask": "none", "softCap": "3", "score": "alibi"]),
      ContractCase(
        "flex", ["mask": "prefix", "prefix": "50", "softCap": "0.5", "score": "relative"]),
      ContractCase(
        "flex",
        ["mask": "neighborhood", "window": "5", "softCap": "4", "score": "relative"],
        grid: [13, 18]),
      ContractCase("flex", ["mask": "prefix", "prefix": "50"]),
      ContractCase("flex", ["mask": "dilated", "window": "12", "dilation": "5"]),
      ContractCase("flex", ["mask": "paged", "pageSize": "16"]),
      ContractCase("flex", ["mask": "neighborhood", "window": "5"], grid: [13, 18]),
    ],
    "mswa": [
      ContractCase("mswa", ["window": "64"]),
      ContractCase("mswa", ["window": "3", "layerGroup": "0"]),
      ContractCase("mswa", ["window": "600", "layerGroup": "3"]),
    ],
    "s2-attention": [
      ContractCase("s2-attention", ["blockSize": "16", "localBlocks": "2", "verticalStride": "5"]),
      ContractCase(
        "s2-attention",
        ["blockSize": "9", "localBlocks": "1", "verticalStride": "8", "denseHeads": "1"]),
      ContractCase("s2-attention", ["blockSize": "32", "verticalStride": "1"]),
    ],
    "bigbird": [
      ContractCase("bigbird", ["blockSize": "16"]),
      ContractCase("bigbird", ["blockSize": "11", "randomBlocks": "0", "seed": "5"]),
      ContractCase("bigbird", ["blockSize": "40", "randomBlocks": "20"]),
    ],
    "longformer": [
      ContractCase("longformer", ["window": "32"]),
      ContractCase("longformer", ["window": "20", "dilation": "3", "globalTokens": "5"]),
      ContractCase("longformer", ["window": "2", "globalTokens": "0"]),
    ],
    "sparse-transformer": ["strided", "fixed"].flatMap { factors in
      ["merged", "alternating"].map { heads in
        ContractCase(
          "sparse-transformer",
          ["factors": factors, "heads": heads, "stride": "20", "summaryKeys": "3"])
      }
    },
    "longlora-shift": [
      ContractCase("longlora-shift"),
      ContractCase("longlora-shift", ["groups": "7", "shiftedShare": "1"]),
    ],
    "scca": ["fixed", "flow", "dilated"].map { shift in
      ContractCase("scca", ["shift": shift, "chunkLength": "50", "dilation": "6"])
    },
    "duo": [
      ContractCase("duo", ["sinks": "6", "window": "40"]),
      ContractCase("duo", ["retrievalHeads": "1", "sinks": "0", "window": "9"]),
    ],
    "razor": [
      ContractCase("razor", ["sinks": "3", "window": "5", "retrievalShare": "0.5"]),
      ContractCase("razor", ["retrievalHeads": "0", "window": "12"]),
    ],
    "moa-sparse": [
      ContractCase("moa-sparse", ["blockSize": "16", "alphaLeast": "16", "alphaMost": "64"]),
      ContractCase(
        "moa-sparse",
        ["blockSize": "7", "alphaLeast": "0", "alphaMost": "0", "betaLeast": "0", "betaMost": "1"]),
    ],
    "blockrank": [
      ContractCase("blockrank", ["instruction": "0", "documents": "1", "question": "0"]),
      ContractCase(
        "blockrank", ["instruction": "30", "documents": "5", "question": "20"]),
    ],
    "block-attention": [
      ContractCase(
        "block-attention", ["documents": "6", "question": "11"])
    ],
    "mqa": [ContractCase("mqa", keyValueHeads: 1)],
    "tri-shape": [
      ContractCase("tri-shape", ["sinks": "9", "window": "30", "fullQueries": "37"])
    ],
  ]
}
