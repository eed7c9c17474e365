// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionCore
import AttentionEngines
import Foundation
import Measurement
import Reporting

/// What is missing here, why, and what mends it.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check libraries, instruction sets, counters and the state of this machine.",
    discussion: "Every finding names its cause and, where there is one, the command that mends it.")

  func run() throws {
    let fingerprint = HostFingerprint.current()
    let tables = KernelTable.available.map(\.instructionSet.rawValue)
    let identity = BLASIdentity.current
    print(
      """
      CPU          \(fingerprint.brand) (\(fingerprint.slug))
      Kernels      \(tables.joined(separator: ", "))
      OpenBLAS     core \(identity.core); \(identity.configuration)
      """)
    if BLASCore.isBelowCPU {
      print("             below this CPU; run with OPENBLAS_CORETYPE unset, or let `run` restart")
    }
    for (name, value) in BLASCore.inherited.sorted(by: { $0.key < $1.key }) {
      print("             inherited \(name)=\(value); unset it unless you mean it")
    }
    printTools()
    printCounters()
    printEnvironment()
  }

  private func printTools() {
    let hasGnuplot = ["/usr/bin/gnuplot", "/usr/local/bin/gnuplot"]
      .contains { FileManager.default.isExecutableFile(atPath: $0) }
    print(
      "Plots        "
        + (hasGnuplot
          ? "gnuplot is installed"
          : "gnuplot is missing; mend with: apt-get install gnuplot-nox"))
  }

  private func printCounters() {
    let records = HostCounters(.everything).offers()
    print("\nCounters")
    for source in CounterSourceName.allCases.map(\.rawValue) {
      let mine = records.filter { $0.source == source }
      guard !mine.isEmpty else { continue }
      let absent = mine.filter { $0.value.reason != nil }
      print("  \(source): \(mine.count - absent.count) of \(mine.count) available")
      for reason in Set(absent.compactMap(\.value.reason)).sorted() {
        print("    \(reason)")
      }
    }
    let paranoid = EnvironmentRecord.current().perfEventParanoid.value
    if let paranoid, paranoid > 2 {
      print("    mend with: sysctl kernel.perf_event_paranoid=2")
    }
  }

  private func printEnvironment() {
    let record = EnvironmentRecord.current()
    let load = record.loadAverages.value?.first
    print("\nMachine state")
    if let load, load > 0.5 * Double(record.onlineCPUs) {
      let text = String(format: "%.2f", load)
      print("  load \(text): something else is running; measured ratios will be noisy")
    } else {
      print("  load \(load.map { String(format: "%.2f", $0) } ?? "unknown"): quiet")
    }
    print("  governor \(record.governor), virtual machine \(record.isVirtual ? "yes" : "no")")
  }
}
