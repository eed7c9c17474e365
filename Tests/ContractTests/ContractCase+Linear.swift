// SPDX-License-Identifier: MIT

import AttentionCore

extension ContractCase {
  /// Linear attention, scans, landmarks and long convolutions.
  static let linearVariants: [String: [ContractCase]] = [
    "trainable-kernel": [
      ContractCase("trainable-kernel"),
      ContractCase("trainable-kernel", ["hidden": "24", "features": "37"]),
    ],
    "rpe-fft": [
      ContractCase("rpe-fft", ["features": "16"]),
      ContractCase("rpe-fft", ["features": "21", "draw": "independent"]),
    ],
    "flatten": [
      ContractCase("flatten"), ContractCase("flatten", ["power": "1", "kernel": "1"]),
      ContractCase("flatten", ["kernel": "3"], grid: [11, 13]),
      ContractCase("flatten", ["kernel": "3"], grid: [3, 5, 7]),
    ],
    "inline": [
      ContractCase("inline"), ContractCase("inline", ["residual": "false"]),
      ContractCase("inline", grid: [9, 14]),
    ],
    "rala": [
      ContractCase("rala"), ContractCase("rala", ["rotates": "false"]),
      ContractCase("rala", ["kernel": "3"], grid: [13, 7]),
    ],
    "sana-linear": [
      ContractCase("sana-linear", ["block": "24"]),
      ContractCase("sana-linear", ["block": "100", "rotates": "false"]),
      ContractCase("sana-linear", grid: [4, 5, 7]),
    ],
    "linfusion": [
      ContractCase("linfusion"), ContractCase("linfusion", ["hidden": "40"]),
    ],
    "dijiang": [
      ContractCase("dijiang"),
      ContractCase("dijiang", ["norms": "false", "rotates": "false"]),
    ],
    "nystromformer": [
      ContractCase("nystromformer", ["landmarks": "16"]),
      ContractCase("nystromformer", ["landmarks": "23", "kernel": "5"], grid: [9, 14]),
    ],
    "soft": [
      ContractCase("soft", ["ratio": "4"]),
      ContractCase("soft", ["ratio": "3", "kernel": "3"], grid: [13, 16]),
    ],
    "based": [ContractCase("based"), ContractCase("based", ["channels": "7"])],
    "retention": [
      ContractCase("retention"),
      ContractCase("retention", ["norm": "rms", "chunkLength": "1"]),
      ContractCase("retention", ["norm": "none", "chunkLength": "48"]),
    ],
    "gla": [
      ContractCase("gla"),
      // Strong gates: pieces of the scan end early.
      ContractCase("gla", ["temperature": "0.05", "rank": "5"]),
    ],
    "hyena": [
      ContractCase("hyena"),
      ContractCase("hyena", ["embedding": "9", "width": "20", "frequency": "10"]),
    ],
  ]
}
