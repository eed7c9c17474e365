// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionMechanisms
import Simulator
import SuiteRunner
import Testing

/// Bounds of low-bit attention on machines with and without units for its formats.
@Suite struct LowBitBoundTests {
  private func plan(_ id: String, _ overrides: [String: String] = [:]) throws -> Plan {
    let shape = try AttentionShape(queryHeads: 8, queryLength: 8192, headDim: 128)
    return try MechanismCatalogue.entry(id).make(overrides, shape: shape).plan
  }

  private func floor(
    _ id: String, on machine: String, _ overrides: [String: String] = [:]
  ) throws -> RooflineFloor {
    try plan(id, overrides).floor(on: try BuiltInMachines.machine(id: machine))
  }

  @Test(arguments: [
    ("flash-fp8", "h100"), ("sage2", "h100"), ("sage2pp", "rtx4090"), ("sage2-4b", "a100"),
    ("sage3", "b200"), ("sage3", "rtx5090"),
  ])
  func machinesWithTheUnitsArePricedAndGainUnlessExponentialsBind(
    id: String, machine: String
  ) throws {
    // An A100 has INT4 but no FP8 for the values.
    let overrides = machine == "a100" ? ["valueFormat": "bfloat16", "sums": "float32"] : [:]
    let own = try floor(id, on: machine, overrides)
    #expect(own.unpriced.isEmpty)
    let dense = try floor("flash", on: machine)
    if machine == "b200" {
      // Exponentials bind both there: four-bit products gain nothing.
      #expect(own.seconds >= dense.seconds)
    } else {
      #expect(own.seconds < dense.seconds)
    }
  }

  @Test(arguments: [
    ("flash-fp8", OperationClass.fp8), ("sage3", OperationClass.fp4),
    ("sage2pp", OperationClass.fp8Narrow),
  ])
  func processorsHaveNoRateForWhatTheyEmulate(id: String, kind: OperationClass) throws {
    #expect(try floor(id, on: "zen4").unpriced == [kind])
    #expect(!(try plan(id)).emulatedFormats.isEmpty)
    #expect(try plan(id).precisionName.hasSuffix("(emulated)"))
  }

  @Test func narrowSumsAreFasterWhereTheMachineSaysSo() throws {
    #expect(
      try floor("sage2pp", on: "rtx4090").seconds < floor("sage2", on: "rtx4090").seconds)
    #expect(try floor("sage2pp", on: "h100").seconds == floor("sage2", on: "h100").seconds)
  }

  @Test func integersAreNotEmulated() throws {
    let plan = try plan("sage2-4b", ["valueFormat": "bfloat16", "sums": "float32"])
    #expect(plan.emulatedFormats.isEmpty && plan.precisionName == "int4+bf16")
    #expect(try floor("sage2-4b", on: "zen4", ["valueFormat": "bfloat16"]).unpriced.isEmpty)
  }

  @Test func preparationIsWorkUnlessItWasDoneBefore() throws {
    let whole = try plan("sage1").work
    let alone = try plan("sage1", ["preparation": "once"]).work
    #expect(whole.count > alone.count && alone.map(\.name) == ["attend"])
  }
}
