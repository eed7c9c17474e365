// SPDX-License-Identifier: MIT

import AttentionCore

extension ContractCase {
  /// Every variant and format at least once, and every switch.
  static let lowBitVariants: [String: [ContractCase]] = [
    "sage1": ["T", "B", "vT", "vB"].flatMap { variant in
      [
        ContractCase("sage1", ["variant": variant]),
        ContractCase(
          "sage1",
          [
            "variant": variant, "smoothKey": "false", "valuePrecision": "float32",
            "denominator": "quantised", "weightLevels": "255", "keyBlock": "128",
          ]),
      ]
    } + [ContractCase("sage1", ["variant": "adaptive", "calibratedCosine": "0.999"])],
    "sage2": [
      ContractCase("sage2"),
      ContractCase("sage2", ["valueFormat": "bfloat16", "group": "block", "twoLevel": "false"]),
      ContractCase(
        "sage2",
        [
          "valueFormat": "int8", "group": "tensor", "denominator": "quantised",
          "smoothValue": "true", "smoothKey": "false", "keyBlock": "96",
        ]),
      ContractCase(
        "sage2",
        ["valueFormat": "e5m2", "group": "token", "smoothQuery": "true", "queryBlock": "64"]),
    ],
    "sage2-4b": [
      ContractCase("sage2-4b"),
      ContractCase("sage2-4b", ["valueFormat": "float16", "sums": "float32", "group": "token"]),
    ],
    "sage3": [
      ContractCase("sage3"), ContractCase("sage3", ["format": "mxfp4", "keyBlock": "32"]),
      ContractCase(
        "sage3",
        [
          "twoLevel": "false", "smoothKey": "false", "smoothQuery": "false", "smoothValue": "true",
          "denominator": "quantised",
        ]),
    ],
    "flash-fp8": [
      ContractCase("flash-fp8"),
      ContractCase(
        "flash-fp8",
        [
          "format": "e5m2", "group": "tensor", "rotate": "false", "sums": "float32",
          "keyBlock": "64",
        ]
      ),
    ],
  ]
}
