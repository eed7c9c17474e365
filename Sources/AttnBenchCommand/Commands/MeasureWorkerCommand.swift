// SPDX-License-Identifier: MIT

import ArgumentParser
import SuiteRunner

/// The child process of `ab` and `gate`: times cases on request from standard input.
struct MeasureWorkerCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "measure-worker",
    abstract: "Time cases on request; ab and gate start this.", shouldDisplay: false)

  @OptionGroup var kernelOptions: KernelOptions

  func run() throws {
    BLASCore.correct(note: { _ in })
    let host = try HostContext(options: kernelOptions, probes: false, note: { _ in })
    let worker = CaseWorker(context: try host.runContext(machines: []), cpus: host.affinity)
    try WorkerConversation(worker).run()
  }
}
