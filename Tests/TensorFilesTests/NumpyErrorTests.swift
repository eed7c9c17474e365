// SPDX-License-Identifier: MIT

import TensorFiles
import Testing

/// Malformed `.npy` files, one for each rule.
struct NumpyErrorTests {
  private func error(
    _ bytes: [UInt8], _ options: TensorReadOptions = TensorReadOptions()
  ) -> TensorFileError? {
    failure { () throws(TensorFileError) in
      try NumpyArray.read(bytes: bytes, file: "q.npy", options: options)
    }
  }

  private func message(_ bytes: [UInt8]) -> String {
    error(bytes)?.description ?? "no error"
  }

  /// The problem of a header that is no valid literal, and its offset in the header.
  private func problem(_ text: String) -> (HeaderProblem, Int)? {
    guard case .malformedHeader("q.npy", let offset, let problem)? = error(npy(text)) else {
      return nil
    }
    return (problem, offset - 10)
  }

  @Test func otherFilesAreRefused() {
    #expect(
      message(Array("hello".utf8))
        == "q.npy: is not a .npy file: it begins with 68 65 6c 6c 6f")
    #expect(message([]) == "q.npy: is not a .npy file: it begins with nothing")
  }

  @Test func otherVersionsAreRefused() {
    #expect(
      message(npy("", version: 4))
        == "q.npy: has .npy version 4.0; versions 1.0, 2.0 and 3.0 are read")
    var minor = npy("")
    minor[7] = 1
    #expect(error(minor) == .unsupportedVersion(file: "q.npy", major: 1, minor: 1))
  }

  @Test func filesCutShortAreRefusedAtEveryLength() {
    let whole = npy(header("<f4", "(2, 3)"), memory([Float](repeating: 1, count: 6)))
    #expect(error(whole) == nil)
    for length in 0..<whole.count {
      switch error(Array(whole[..<length])) {
      case .badMagic where length < 6: break
      case .truncated(_, let expected, let found)? where length >= 6:
        #expect(found == length)
        #expect(expected > length)
      case let other: Issue.record("length \(length): \(String(describing: other))")
      }
    }
    #expect(
      message(Array(whole.dropLast(4))) == "q.npy: is cut short: \(whole.count) bytes are "
        + "declared, \(whole.count - 4) are there; copy or write it again")
  }

  @Test func trailingBytesAreRefused() {
    let bytes = npy(header("|i1", "(2,)"), [1, 2, 3])
    #expect(
      error(bytes)
        == .trailingBytes(file: "q.npy", expectedBytes: bytes.count - 1, foundBytes: bytes.count))
  }

  @Test func headersMustBeTheLiteralThatNumpyWrites() throws {
    let cases: [(String, HeaderProblem, Int)] = [
      ("", .expected("'{'", found: "the end of the header"), 0),
      ("[]", .expected("'{'", found: "'['"), 0),
      ("{", .expected("a key in quotes or '}'", found: "the end of the header"), 1),
      ("{descr: 1}", .expected("a key in quotes or '}'", found: "'d'"), 1),
      ("{'descr", .expected("a closing quote", found: "the end of the header"), 7),
      ("{'de\\x'", .expected("plain ASCII text", found: "'\\'"), 4),
      ("{'descr' '<f4'}", .expected("':'", found: "'''"), 9),
      ("{'descr': 4}", .expected("an element type in quotes", found: "'4'"), 10),
      ("{'fortran_order': 0}", .expected("True or False", found: "'0'"), 18),
      ("{'fortran_order': Falsetto}", .expected("'}'", found: "'t'"), 23),
      ("{'shape': [1]}", .expected("'('", found: "'['"), 10),
      ("{'shape': (1 2)}", .expected("',' or ')'", found: "'2'"), 13),
      ("{'shape': (1)}", .expected("a comma after the only extent", found: "')'"), 12),
      ("{'shape': (,)}", .expected("an integer", found: "','"), 11),
      ("{'shape': (01,)}", .expected("an integer without leading zeros", found: "'0'"), 11),
      ("{'shape': (1.0,)}", .expected("',' or ')'", found: "'.'"), 12),
      ("{'shap': (1,)}", .unknownKey("shap", known: ["descr", "fortran_order", "shape"]), 1),
      ("{'shape': (), 'shape': ()}", .duplicateKey("shape"), 14),
      ("{'descr': '<f4', 'shape': ()}", .missingKey("fortran_order"), 0),
      ("{}", .missingKey("descr"), 0),
      (header("<f4", "()") + "x", .expected("the end of the header", found: "'x'"), 56),
      ("{'descr': '<f4', __import__('os')}", .expected("a key in quotes or '}'", found: "'_'"), 17),
    ]
    for (text, expected, offset) in cases {
      let found = try #require(problem(text), "\(text)")
      #expect(found == (expected, offset), "\(text)")
    }
    #expect(
      message(npy("{'shap': ()}")) == "q.npy: malformed header at byte 11: unknown key 'shap' "
        + "(did you mean 'shape'?); the keys are descr, fortran_order, shape")
  }

  @Test func headersMayBeWrittenInOtherWays() throws {
    for text in [
      "{'descr':'<f4','fortran_order':False,'shape':(1,)}",
      "{\"shape\": (1,), \"fortran_order\": False, \"descr\": \"<f4\"}   \n",
      "  { 'descr' : '<f4' , 'fortran_order' : True , 'shape' : ( 1 , ) , }",
    ] {
      #expect(error(npy(text, [0, 0, 0x80, 0x3F])) == nil, "\(text)")
    }
  }

  @Test func overlongHeadersAreRefused() {
    let text = header("<f4", "()") + String(repeating: " ", count: 70_000)
    #expect(
      error(npy(text, version: 2))
        == .malformedHeader(
          file: "q.npy", offset: 8, problem: .tooLong(bytes: text.utf8.count, limit: 65_536)))
  }

  @Test func otherElementTypesAreRefused() {
    let codes = [
      "<c8", "|b1", "<U5", "|S3", "<f16", "<i2", "<u4", "f4", "", "|f4", "<f", "<M8[ns]",
    ]
    for code in codes {
      #expect(
        error(npy(header(code, "(1,)"), [0, 0, 0, 0]))
          == .unknownElementType(file: "q.npy", name: code))
    }
    #expect(
      message(npy(header("<c8", "()"))) == "q.npy: has element type '<c8'; complex arrays are "
        + "not read; save the real and imaginary parts apart")
  }

  @Test func objectsAndRecordsAreRefused() {
    #expect(error(npy(header("|O", "(1,)"), [0x80])) == .objectArray(file: "q.npy"))
    let record = "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,)}"
    #expect(error(npy(record)) == .structuredArray(file: "q.npy"))
  }

  @Test func uint16IsNotGuessedToBeBFloat16() {
    #expect(
      error(npy(header("<u2", "(1,)"), [0, 0])) == .undeclaredBFloat16(file: "q.npy", name: "<u2"))
  }

  @Test func impossibleShapesAreRefused() {
    #expect(
      error(npy(header("<f4", "(2, -3)")))
        == .negativeExtent(file: "q.npy", axis: 1, value: "-3"))
    let large = "9223372036854775808"
    #expect(
      error(npy(header("<f4", "(1, \(large))")))
        == .extentsOverflow(file: "q.npy", extents: "1, \(large)"))
    #expect(
      error(npy(header("<f4", "(4294967296, 4294967296)")))
        == .extentsOverflow(file: "q.npy", extents: "4294967296, 4294967296"))
    // The count fits, the bytes do not.
    #expect(
      error(npy(header("<f8", "(2305843009213693952,)")))
        == .extentsOverflow(file: "q.npy", extents: "2305843009213693952"))
    let axes = String(repeating: "1, ", count: 65)
    #expect(
      error(npy(header("<f4", "(\(axes))"), [0, 0, 0, 0]))
        == .tooManyAxes(file: "q.npy", count: 65, limit: 64))
  }

  @Test func theLimitIsCheckedBeforeMemoryIsTaken() {
    let bytes = npy(header("<f4", "(1000000000000,)"))
    #expect(
      error(bytes)
        == .exceedsLimit(file: "q.npy", bytes: 4_000_000_000_000, limit: 1 << 34))
    let small = npy(header("<f4", "(4,)"), memory([Float](repeating: 0, count: 4)))
    let limit = TensorReadOptions(maximumBytes: 15)
    #expect(error(small, limit) == .exceedsLimit(file: "q.npy", bytes: 16, limit: 15))
  }

  @Test func theFirstValueThatIsNotFiniteIsNamed() {
    let floats: [Float] = [0, 1, 2, 3, .nan, .infinity]
    let bytes = npy(header("<f4", "(2, 3)"), memory(floats))
    #expect(error(bytes) == .nonFinite(file: "q.npy", index: [1, 1], value: "NaN"))
    #expect(error(bytes, TensorReadOptions(allowsNonFinite: true)) == nil)
    // The index is that of the tensor, not that of the file.
    let fortran = npy(header("<f4", "(2, 3)", isFortranOrder: true), memory(floats))
    #expect(error(fortran) == .nonFinite(file: "q.npy", index: [0, 2], value: "NaN"))
    let half = npy(header("<f2", "(1, 2)"), memory([Float16(1), -.infinity]))
    #expect(error(half) == .nonFinite(file: "q.npy", index: [0, 1], value: "-infinity"))
    let double = npy(header(">f8", "()"), [0x7F, 0xF0, 0, 0, 0, 0, 0, 0])
    #expect(error(double) == .nonFinite(file: "q.npy", index: [], value: "infinity"))
    let brain = npy(header("<u2", "(1,)"), [0x80, 0x7F])
    let options = TensorReadOptions(readsUInt16AsBFloat16: true)
    #expect(error(brain, options) == .nonFinite(file: "q.npy", index: [0], value: "infinity"))
  }
}
