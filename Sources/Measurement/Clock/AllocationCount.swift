// SPDX-License-Identifier: MIT

import CPlatform

/// Counts how often a piece of work asks for memory.
public enum AllocationCount {
  /// The allocations of all threads while `body` runs, or nil where they cannot be counted.
  ///
  /// They cannot be counted under a sanitizer or without glibc. One count at a time.
  public static func during(_ body: () -> Void) -> Int? {
    guard cplatform_counts_allocations() else {
      body()
      return nil
    }
    cplatform_begin_allocation_count()
    body()
    return Int(cplatform_end_allocation_count())
  }
}
