// SPDX-License-Identifier: MIT

import CPlatform

/// The CPUs that the calling thread may use.
public enum Affinity {
  /// Their numbers, ascending; empty if the system does not tell.
  public static var current: [Int] {
    let count = cplatform_get_affinity(nil, 0)
    guard count > 0 else { return [] }
    var cpus = [Int32](repeating: 0, count: Int(count))
    let found = cplatform_get_affinity(&cpus, count)
    return cpus.prefix(Int(max(0, min(found, count)))).map(Int.init)
  }

  /// Restricts the calling thread to `cpus`; returns whether the system agreed.
  public static func pin(to cpus: [Int]) -> Bool {
    let numbers = cpus.map { Int32(clamping: $0) }
    return cplatform_set_affinity(numbers, Int32(numbers.count)) == 0
  }
}
