// SPDX-License-Identifier: MIT

/// How one sequence is spread over several devices.
public enum Partition: String, Hashable, Sendable, Codable, CaseIterable {
  /// Contiguous pieces of queries stay; pieces of keys and values travel around a ring.
  ///
  /// Source: Liu et al., *Ring Attention with Blockwise Transformers* (2023), arXiv:2310.01889.
  case ring
  /// As ``ring``, but a device holds every P-th token, so that causal work is even.
  ///
  /// Source: Brandon et al., *Striped Attention* (2023), arXiv:2311.09431.
  case striped
  /// Keys are split, every device has all of the few queries, partial outputs are merged pairwise.
  ///
  /// Source: Shyam et al., *Tree Attention* (2024), arXiv:2408.04093.
  case tree
  /// Linear attention: every device gathers the states of all others once.
  ///
  /// Source: Sun et al., *LASP-2* (2025), arXiv:2502.07563.
  case lasp2 = "lasp-2"
}
