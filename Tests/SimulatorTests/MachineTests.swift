// SPDX-License-Identifier: MIT

import AttentionCore
import Configuration
import Foundation
import Simulator
import Testing

@Suite struct MachineTests {
  @Test func everyFileOfTheFolderIsBuiltIn() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../Sources/Simulator/Machines").standardized
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }
    #expect(Set(names) == Set(BuiltInMachines.ids))
    for id in names {
      let text = try String(contentsOf: folder.appending(path: "\(id).yaml"), encoding: .utf8)
      #expect(try BuiltInMachines.text(id: id) == text)
    }
  }

  @Test func aFileInAFolderIsAMachineWithoutABuild() throws {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "machines-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let text = try BuiltInMachines.text(id: "a100")
    for (name, title) in [("mine", "my machine"), ("h100", "my own H100")] {
      let own = text.replacing("title: NVIDIA A100 SXM4 80 GB", with: "title: \(title)")
      try own.write(
        to: folder.appending(path: "\(name).yaml"), atomically: true, encoding: .utf8)
    }
    let library = MachineLibrary(folders: ["no such folder", folder.path])
    #expect(try library.machine("mine").title == "my machine")
    #expect(try library.machine("mine").id == "mine")
    #expect(try library.machine("h100").title == "my own H100")
    #expect(try library.source("b200") == .builtIn(id: "b200"))
    #expect(library.ids.count == BuiltInMachines.ids.count + 1)
    #expect(throws: SimulatorError.unknownMachine(id: "mime", known: library.ids)) {
      try library.source("mime")
    }
    let path = folder.path + "/mine.yaml"
    #expect(try library.source(path) == .file(path: path))
  }

  @Test func everyAcceleratorNamesItsLinks() throws {
    for id in BuiltInMachines.ids {
      let machine = try BuiltInMachines.machine(id: id)
      guard machine.kind == .accelerator else { continue }
      let link = try machine.link()
      #expect((10e9...2e12).contains(link.bandwidth.value), "\(id)")
      #expect((0.1e-6...10e-6).contains(try #require(link.latency).value), "\(id)")
      #expect(machine.tileRule != nil, "\(id)")
    }
    #expect(try BuiltInMachines.machine(id: "b200").link().bandwidth.value == 900e9)
  }

  @Test(arguments: BuiltInMachines.ids)
  func everyMachineHasWhatDenseAttentionNeeds(id: String) throws {
    let machine = try BuiltInMachines.machine(id: id)
    #expect(machine.id == id)
    #expect(machine.rates[machine.nativePrecision] != nil)
    #expect(machine.rates[.float32] != nil)
    #expect(machine.memory?.bandwidth != nil)
    let expected: RateClass = machine.kind == .cpu ? .float32 : .bfloat16
    #expect(machine.nativePrecision == expected)
    #expect(try #require(machine.ridgePoint(machine.nativePrecision)) > 10)
  }

  @Test func ratesPerCycleAreThoseOfAllUnitsAtTheClock() throws {
    let h100 = try BuiltInMachines.machine(id: "h100")
    // 16 special functions x 132 SMs x 1.83 GHz: the 3.9 TFLOP/s of arXiv:2407.08608.
    #expect(try #require(h100.rates[.exponential]).perSecond.value == 16 * 132 * 1.83e9)
    let zen4 = try BuiltInMachines.machine(id: "zen4")
    #expect(try #require(zen4.rates[.float32]).perSecond.value == 32 * 3.7e9 * 96)
    #expect(zen4.levels[0].capacity?.value == 3_145_728)
  }

  @Test func oneCoreHasItsOwnCachesAndTheWholeMemory() throws {
    let all = try BuiltInMachines.machine(id: "zen5")
    let one = try all.using(units: 1)
    // Scaling by 1/128 is exact, since it is a power of two.
    #expect(one.rates[.float32]?.perSecond.value == 64 * 4.1e9)
    #expect(one.levels.map(\.capacity?.value) == [49_152, 1_048_576, 536_870_912, nil])
    #expect(one.levels[2].bandwidth?.value == 28 * 4.1e9)
    #expect(one.memory == all.memory)
    #expect(throws: SimulatorError.tooManyUnits(machine: "zen5", value: 129, most: 128)) {
      try all.using(units: 129)
    }
    #expect(throws: SimulatorError.tooSmall(name: "parallel units", value: 0, least: 1)) {
      try all.using(units: 0)
    }
  }

  @Test func anUnknownMachineNamesThoseThatExist() {
    let error = SimulatorError.unknownMachine(id: "h10", known: BuiltInMachines.ids)
    #expect(throws: error) { try BuiltInMachines.machine(id: "h10") }
    #expect(error.misspelling?.known.contains("h100") == true)
  }

  @Test func aNumberWithoutASourceIsRefusedWhereItStands() throws {
    let text = try BuiltInMachines.text(id: "a100").replacing(
      #"exponential: { value: 16 OP/cycle, quality: secondary, source: "#,
      with: #"exponential: { value: 16 OP/cycle, quality: secondary, note: "#)
    let failure = try #require(throws: ConfigurationFailure.self) {
      try Machine(id: "a100", document: ConfigurationDocument(text: text, file: "a100.yaml"))
    }
    let problems = failure.errors.map(\.problem)
    #expect(problems.contains(.missingKey("source")))
    #expect(failure.errors.first?.place.line == 12)
  }

  @Test(arguments: [
    ("312 TFLOP/s", "312 GB/s"), ("108", "0"), ("80 GB", "80"), ("kind: accelerator", "kind: gpu"),
    ("nativePrecision: bfloat16", "nativePrecision: exponential"),
    ("quality: measured", "quality: guessed"), ("scope: machine", "scope: chip"),
  ])
  func aWrongValueIsRefused(original: String, replacement: String) throws {
    let text = try BuiltInMachines.text(id: "a100").replacing(original, with: replacement)
    #expect(throws: ConfigurationFailure.self) {
      try Machine(id: "a100", document: ConfigurationDocument(text: text, file: "a100.yaml"))
    }
  }

  @Test func theHostIsAMachineOfMeasuredRoofs() throws {
    let host = try Machine(host: .example, title: "test host")
    #expect(host.kind == .cpu)
    #expect(host.parallelUnits.value == 2)
    #expect(host.rates[.float32]?.perSecond == Sourced(2e11, quality: .measured, source: "probe"))
    #expect(host.memory?.name == "memory")
  }

  @Test func aHostWithoutAFloat32RateIsRefused() {
    let roofs = HostRoofRates(threads: 1, rates: [:], levels: [], source: "probe")
    #expect(
      throws: SimulatorError.machineLacks(
        machine: "host", quantity: "rate of float32 products")
    ) {
      try Machine(host: roofs, title: "test host")
    }
    let broken = HostRoofRates(
      threads: 1, rates: [.float32: 1, .int8: .nan], levels: [], source: "probe")
    #expect(
      throws: SimulatorError.machineLacks(machine: "host", quantity: "positive rate of int8")
    ) {
      try Machine(host: broken, title: "test host")
    }
  }
}

extension HostRoofRates {
  /// Round figures of a machine with two threads.
  static let example = HostRoofRates(
    threads: 2,
    rates: [.float32: 2e11, .bfloat16: 4e11, .int8: 8e11, .exponential: 2e10],
    levels: [
      Level(name: "L1", isShared: false, bandwidth: 4e11, capacity: 64 << 10),
      Level(name: "L2", isShared: false, bandwidth: 2e11, capacity: 2 << 20),
      Level(name: "memory", isShared: true, bandwidth: 4e10, capacity: nil),
    ], source: "probe")
}
