// SPDX-License-Identifier: MIT

import AttentionEngines
import Foundation
import Measurement

/// Makes OpenBLAS use this CPU's own instructions.
///
/// OpenBLAS reads `OPENBLAS_CORETYPE` when it is loaded, so a value inherited from the environment
/// can only be corrected by starting the program again. That happens at most once; setting
/// `ATTNBENCH_KEEP_BLAS=1` prevents it.
enum BLASCore {
  private static let guardName = "ATTNBENCH_BLAS_RESTARTED"
  private static let names = ["OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"]
  private static let optOutName = "ATTNBENCH_KEEP_BLAS"
  /// Cores whose products use 512-bit vectors.
  private static let wideCores: Set<String> = ["skylakex", "cooperlake", "sapphirerapids"]

  /// Restarts the program with a better core if the present one is below the CPU.
  static func correct(note: (String) -> Void) {
    let environment = ProcessInfo.processInfo.environment
    guard environment[guardName] == nil, environment[optOutName] == nil else { return }
    guard isBelowCPU, let path = executablePath else { return }
    note(
      "OpenBLAS uses core '\(BLASIdentity.current.core)', which is below this CPU; starting again "
        + "with its own choice (ATTNBENCH_KEEP_BLAS=1 prevents this)")
    // What was found goes into the records.
    let found = names.compactMap { name in environment[name].map { "\(name)=\($0)" } }
    for name in names { unsetenv(name) }
    setenv(guardName, found.joined(separator: " "), 1)
    // Older versions know no newer CPU by themselves and fall back to 256-bit vectors.
    if environment["OPENBLAS_CORETYPE"] == nil { setenv("OPENBLAS_CORETYPE", "SkylakeX", 1) }
    var arguments = CommandLine.arguments.map { strdup($0) }
    arguments.append(nil)
    execv(path, &arguments)
    for argument in arguments { free(argument) }
  }

  /// Whether the CPU has 512-bit vectors that the chosen core does not use.
  static var isBelowCPU: Bool {
    guard CPUIdentity.current.features.contains(.avx512f) else { return false }
    let core = BLASIdentity.current.core.lowercased()
    // OpenBLAS calls Zen what has 256-bit vectors only.
    return !wideCores.contains(core)
  }

  /// Variables that change OpenBLAS, as the user's environment held them.
  static var inherited: [String: String] {
    let environment = ProcessInfo.processInfo.environment
    var found = environment.filter { names.contains($0.key) }
    for assignment in environment[guardName]?.split(separator: " ") ?? [] {
      let parts = assignment.split(separator: "=", maxSplits: 1).map(String.init)
      if parts.count == 2 { found[parts[0]] = parts[1] }
    }
    return found
  }

  private static var executablePath: String? {
    try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  }
}
