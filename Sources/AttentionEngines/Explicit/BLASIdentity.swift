// SPDX-License-Identifier: MIT

import COpenBLAS

/// Which BLAS is linked and which kernels it chose for this CPU.
public struct BLASIdentity: Hashable, Sendable, Codable {
  /// The core whose kernels are in use, such as `Cooperlake`.
  public let core: String
  /// Version and build options, such as `OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …`.
  public let configuration: String
  /// Threads that one product would use by itself; the engines set it to 1.
  public let threads: Int

  /// What the library says now.
  public static var current: BLASIdentity {
    BLASIdentity(
      core: openblas_get_corename().map { String(cString: $0) } ?? "unknown",
      configuration: openblas_get_config().map { String(cString: $0) } ?? "unknown",
      threads: Int(openblas_get_num_threads()))
  }

  /// Keeps every product on the thread that calls it: workers already share out the work, and a
  /// split inside a product would make its rounding depend on the number of threads.
  static func useOneThreadPerProduct() {
    openblas_set_num_threads(1)
  }
}
