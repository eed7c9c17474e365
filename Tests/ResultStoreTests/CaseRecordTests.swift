// SPDX-License-Identifier: MIT

import AttentionCore
import Foundation
import ResultStore
import Testing

@Suite struct CaseRecordTests {
  private static func roundTrip<Value: Codable>(_ value: Value) throws -> Value {
    try JSONDecoder().decode(Value.self, from: JSONEncoder().encode(value))
  }

  @Test(arguments: [
    CaseStatus.measured, .verifiedOnly, .simulatedOnly, .skipped(reason: "too large"),
    .failed(reason: "wrong"), .boundViolated(explanation: "too fast"),
  ])
  func aRecordReadsBackAsItWasWritten(status: CaseStatus) throws {
    let record = try Sample.record("flash/1x2x65x64", status: status)
    #expect(try Self.roundTrip(record) == record)
  }

  @Test func anAbsentQuantityIsWrittenWithItsReason() throws {
    let quantities: [Quantity] = [.value(2.5), .absent(reason: "no PMU")]
    let text = String(decoding: try JSONEncoder().encode(quantities), as: UTF8.self)
    #expect(text == #"[2.5,{"absent":"no PMU"}]"#)
    #expect(try Self.roundTrip(quantities) == quantities)
  }

  @Test func anAbsentStructureIsToldFromAPresentOne() throws {
    let values: [Known<Interval>] = [
      .value(Interval(low: 1, high: 2)), .absent(reason: "too few samples"),
    ]
    #expect(try Self.roundTrip(values) == values)
  }

  @Test func anUnknownStatusIsRefused() {
    #expect(throws: DecodingError.self) {
      try JSONDecoder().decode(CaseStatus.self, from: Data(#"{"state":"dreamt"}"#.utf8))
    }
  }

  @Test func countsThatDependOnTheDataDoNotDecideAgreement() throws {
    var record = try Sample.record("a")
    #expect(record.counts.agree == .value(true))
    var measured = try #require(record.counts.measured.value)
    measured.tilesVisited += 1
    record.counts.measured = .value(measured)
    #expect(record.counts.agree == .value(false))
    record.counts.measured = .absent(reason: "not run")
    #expect(record.counts.agree == .absent(reason: "not run"))
  }

  @Test func aFailedCaseHasNoPublishableTiming() throws {
    #expect(try Sample.record("a").publishableTiming.value != nil)
    let failed = try Sample.record("a", status: .failed(reason: "wrong"))
    #expect(failed.timing.value != nil)
    #expect(failed.publishableTiming.reason?.contains("wrong") == true)
  }

  @Test func aBoundOnAnUnknownMachineSaysSo() throws {
    let bounds = try Sample.record("a").bounds
    #expect(bounds.bound(on: "host").value?.roofline == .value(1))
    #expect(bounds.bound(on: "b200").reason == "the case was not simulated on 'b200'")
  }

  @Test func aFingerprintChangesWithEveryByte() {
    // FNV-1a of the empty text is its offset basis, of "a" the published test vector.
    #expect(TextFingerprint("").description == "cbf29ce484222325")
    #expect(TextFingerprint("a").description == "af63dc4c8601ec8c")
    #expect(TextFingerprint("seed: 1") != TextFingerprint("seed: 2"))
  }
}
