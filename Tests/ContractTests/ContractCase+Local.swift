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
    "tri-shape": [
      ContractCase("tri-shape", ["sinks": "9", "window": "30", "fullQueries": "37"])
    ],
  ]
}
