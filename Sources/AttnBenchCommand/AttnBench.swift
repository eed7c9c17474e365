// SPDX-License-Identifier: MIT

import ArgumentParser
import AttentionMechanisms
import Glibc

/// The command: maps options to calls and errors to exit codes.
///
/// It is a library, so that a program of one's own can be the command with more mechanisms.
public struct AttnBench: ParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "attnbench",
    abstract: "Benchmarks and simulates efficient attention.",
    discussion: """
      For a mechanism, a shape and a machine it answers: how much can it gain over dense attention \
      at most, how much of that does a good kernel get here, and what does it cost in accuracy?

        attnbench list                            what there is
        attnbench describe moba                   one mechanism and its paper
        attnbench try moba sage1 --length 8192 --causal
                                                  which one suits, on this machine
        attnbench run card                        a suite: verify, measure, report
        attnbench simulate moba --length 131072 --causal --machine h100
                                                  bounds alone: any size, any machine
        attnbench apply moba --causal --qkv c.npz --out o.npy
                                                  what it does to your tensors

      Exit codes: 0 fine; 1 run or internal error; 2 bad usage, suite, tensor or machine file; \
      3 confirmed regression; 4 accuracy or exact-work failure, or a time below the roofline floor; \
      5 machine unfit or inconclusive; 6 too little measured.
      """,
    version: "attnbench \(Product.version)",
    subcommands: [
      RunCommand.self, TryCommand.self, ListCommand.self, DescribeCommand.self,
      SimulateCommand.self,
      VerifyCommand.self, ApplyCommand.self, CompareCommand.self, ABCommand.self, GateCommand.self,
      NightsCommand.self, ExactCommand.self, HistoryCommand.self, MachineCommand.self,
      ReportCommand.self, DoctorCommand.self, ManualCommand.self, MeasureWorkerCommand.self,
      CachegrindWorker.self, TimingWorker.self,
    ])

  public init() {}

  /// Runs the command line with `entries` in the catalogue beside the built-in mechanisms.
  ///
  /// - Requires: ids that no other mechanism has.
  public static func main(adding entries: [MechanismEntry]) {
    // Output to a closed pipe is the reader's choice, not a crash.
    signal(SIGPIPE, SIG_DFL)
    do {
      try MechanismCatalogue.adding(entries) {
        var command = try parseAsRoot()
        try command.run()
      }
    } catch {
      Failure(error).exit()
    }
  }
}

/// Facts about this program.
enum Product {
  static let version = "0.1.0"
}
