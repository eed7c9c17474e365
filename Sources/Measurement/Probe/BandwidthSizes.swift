// SPDX-License-Identifier: MIT

/// The buffer sizes by which the levels of the hierarchy are told apart.
package struct BandwidthSizes {
  /// Bytes per thread of each level that can be measured, nearest level first.
  package let levels: [(level: MemoryLevel, bytes: Int)]

  /// Sizes for `threads` threads on one CPU each.
  ///
  /// Half of a private cache, a quarter of a thread's part of the shared one (other guests use it
  /// too), and four times all last-level caches, at least 128 MiB, for memory. A level is left out
  /// if its size is unknown or its buffer is not at least twice the cache before it.
  package init(fingerprint: HostFingerprint, threads: Int) {
    var levels: [(level: MemoryLevel, bytes: Int)] = []
    func append(_ level: MemoryLevel, _ bytes: Int, above cache: Int) {
      // The loops step over 512 bytes, in each half of a copy.
      let whole = bytes / 1024 * 1024
      if whole >= 1024 && whole >= 2 * cache { levels.append((level, whole)) }
    }
    append(.l1, fingerprint.l1DataBytes / 2, above: 0)
    append(.l2, fingerprint.l2Bytes / 2, above: fingerprint.l1DataBytes)
    let sharing = min(threads, max(1, fingerprint.l3SharingCPUs))
    append(.l3, fingerprint.l3Bytes / 4 / sharing, above: fingerprint.l2Bytes)
    let share = max(1, fingerprint.l3SharingCPUs)
    let caches = (fingerprint.logicalCPUs + share - 1) / share
    let memory = max(128 << 20, 4 * caches * fingerprint.l3Bytes)
    append(.memory, memory / threads, above: 0)
    self.levels = levels
  }
}
