// SPDX-License-Identifier: MIT

import AttentionCore

extension ContractCase {
  /// Parameters that suit small problems, of mechanisms with static masks on token grids.
  static let gridVariants: [String: [ContractCase]] = [
    "sliding-tile": [
      ContractCase("sliding-tile", ["tile": "7", "windows": "3"]),
      ContractCase("sliding-tile", ["tile": "3x4", "windows": "3x3,1x5,2x2"], grid: [14, 21]),
      ContractCase("sliding-tile", ["tile": "2x4x4", "windows": "3x1x3"], grid: [8, 8, 12]),
      ContractCase(
        "sliding-tile",
        ["tile": "2x3x3", "windows": "3x3x3,1x3x5", "grid": "5x6x9", "textTokens": "13"],
        length: 283),
    ],
    "swin-window": [
      ContractCase("swin-window"),
      ContractCase("swin-window", ["shift": "all"]),
      ContractCase("swin-window", ["window": "7", "shift": "all"], grid: [14, 21]),
      ContractCase("swin-window", ["window": "8", "shift": "half"], grid: [16, 24]),
      ContractCase("swin-window", ["window": "5x4", "shift": "half"], grid: [13, 18]),
      ContractCase(
        "swin-window", ["window": "2x4x4", "shift": "all", "relativeBias": "false"],
        grid: [4, 9, 8]),
    ],
    "styleswin": [ContractCase("styleswin"), ContractCase("styleswin", grid: [16, 24])],
    "halo": [
      ContractCase(
        "halo", ["block": "4", "halo": "2", "relativeVectors": "true"], grid: [14, 21]),
      ContractCase(
        "halo", ["block": "2x3x4", "halo": "1x2x0", "relativeVectors": "true"], grid: [5, 7, 9]),
      ContractCase("halo", ["block": "1"]),
      ContractCase("halo", grid: [16, 24]),
      ContractCase("halo", ["block": "5x4", "halo": "2x0"], grid: [13, 18]),
      ContractCase("halo", ["outside": "zeros"], grid: [16, 24]),
      ContractCase("halo", ["block": "4x4", "halo": "1x2", "outside": "zeros"], grid: [9, 14]),
    ],
    "clear": [
      ContractCase("clear"),
      ContractCase("clear", ["radius": "6"], grid: [14, 21]),
      ContractCase("clear", ["radius": "3"], grid: [5, 9, 11]),
      ContractCase("clear", ["radius": "4", "downFactor": "4"], grid: [16, 22]),
      ContractCase(
        "clear", ["radius": "5", "downFactor": "2", "grid": "12x18", "textTokens": "19"],
        length: 235),
    ],
    "freeswim": [
      ContractCase("freeswim", ["halfWindow": "0"]),
      ContractCase("freeswim", ["halfWindow": "3x2"], grid: [14, 21]),
      ContractCase("freeswim", ["halfWindow": "2"], grid: [5, 9, 11]),
    ],
    "radial": [
      ContractCase("radial", ["blockSize": "8"], grid: [8, 5, 7]),
      ContractCase("radial", ["blockSize": "16", "decay": "0.5", "model": "wan"], grid: [9, 40]),
      ContractCase(
        "radial", ["form": "token", "blockSize": "8", "decay": "0.5"], grid: [8, 5, 7]),
      ContractCase(
        "radial", ["form": "token", "blockSize": "16", "model": "wan"], grid: [9, 40]),
      ContractCase(
        "radial", ["blockSize": "16", "grid": "9x4x9", "textTokens": "21"], length: 345),
    ],
    "maxvit": [
      ContractCase("maxvit", ["size": "1"]),
      ContractCase("maxvit", grid: [14, 21]),
      ContractCase("maxvit", ["size": "5x4"], grid: [13, 18]),
      ContractCase("maxvit", ["part": "block", "size": "4"], grid: [8, 9, 8]),
    ],
    "twins": [
      ContractCase("twins"),
      ContractCase("twins", grid: [14, 21]),
      ContractCase("twins", ["part": "global"]),
      ContractCase("twins", ["part": "global", "reduction": "4x3"], grid: [13, 18]),
    ],
    "ditfastattn": [
      ContractCase("ditfastattn"),
      ContractCase("ditfastattn", ["window": "30"]),
      ContractCase("ditfastattn", ["step": "refresh", "window": "30"]),
    ],
    "sparse-videogen": [
      ContractCase("sparse-videogen", ["rounding": "1", "sampledRows": "8"], grid: [8, 7, 9]),
      ContractCase(
        "sparse-videogen",
        ["rounding": "16", "sparsity": "0.6", "grid": "6x6x8", "textTokens": "11"], length: 299),
    ],
    "fastgen": [
      ContractCase("fastgen"),
      ContractCase("fastgen", ["recovery": "0.5", "localShare": "0.4"]),
      ContractCase("fastgen", ["recovery": "0.01"]),
      // Frequent keys without a window, then with one; last all keys are frequent.
      ContractCase("fastgen", ["recovery": "0.4"]),
      ContractCase("fastgen", ["recovery": "0.5", "localShare": "0.3", "special": "7"]),
      ContractCase("fastgen", ["recovery": "0.9999", "frequentShare": "1"]),
      ContractCase("fastgen", ["recovery": "0.5", "frequentShare": "0"]),
    ],
  ]
}
