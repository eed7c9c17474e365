// SPDX-License-Identifier: MIT

import Configuration
import Foundation
import Simulator
import SuiteRunner
import Testing

@Suite struct SuiteMachineTests {
  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "suite-machines-\(UUID().uuidString)")

  @Test func machineFilesAreRelativeToTheSuite() throws {
    try withFolder {
      try write("machines/mine.yaml", try BuiltInMachines.text(id: "a100"))
      try write("suite.yaml", suite(machines: "[machines/mine.yaml, h100, host]"))
      let read = try SuiteFile.read(path: folder.path + "/suite.yaml")
      #expect(read.machines == [folder.path + "/machines/mine.yaml", "h100", "host"])
      #expect(try MachineSource(read.machines[0]).machine().id == "mine")
    }
  }

  @Test func aMachineFileThatIsNotThereIsRefusedWhereTheSuiteNamesIt() throws {
    try withFolder {
      try write("suite.yaml", suite(machines: "[machines/none.yaml]"))
      let failure = try #require(throws: ConfigurationFailure.self) {
        try SuiteFile.read(path: folder.path + "/suite.yaml")
      }
      #expect("\(failure)".contains("suite.yaml:2"))
      #expect("\(failure)".contains("relative to the suite's own folder"))
    }
  }

  @Test func tilesThatAMachineForbidsAreRefusedBeforeAnyWork() throws {
    let text = suite(machines: "[h100]", more: "    queryTile: 32\n    keyTile: 64\n")
    let read = try SuiteFile.read(text: text, file: "suite.yaml", directory: ".")
    let run = SuiteRun(suite: read, options: SuiteRun.Options())
    #expect(throws: SimulatorError.self) {
      try run.check(on: [BuiltInMachines.machine(id: "h100")])
    }
    try run.check(on: [BuiltInMachines.machine(id: "zen5")])
  }

  @Test func operationsBeyondSixtyFourBitsAreRefusedBeforeAnyWork() throws {
    let text = suite(machines: "[h100]").replacing("length: 256", with: "length: 2000000000")
    let read = try SuiteFile.read(text: text, file: "suite.yaml", directory: ".")
    let run = SuiteRun(suite: read, options: SuiteRun.Options())
    #expect(throws: SimulatorError.overflow(quantity: "operations of all query-key pairs")) {
      try run.check(on: [])
    }
  }

  private func suite(machines: String, more: String = "") -> String {
    """
    suite: test
    machines: \(machines)
    cases:
      - shapes: { heads: 1, length: 256, headDim: 32 }
    \(more)    mechanisms:
          - neighborhood: { window: 16 }

    """
  }

  private func write(_ path: String, _ text: String) throws {
    let file = folder.appending(path: path)
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try text.write(to: file, atomically: true, encoding: .utf8)
  }

  private func withFolder(_ body: () throws -> Void) throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    try body()
  }
}
