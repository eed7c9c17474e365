// SPDX-License-Identifier: MIT

import TensorFiles
import Testing

struct SafetensorsTests {
  private func archive(_ json: String, _ payload: [UInt8]) throws -> SafetensorsArchive {
    try SafetensorsArchive(bytes: safetensors(json, payload), file: "m.safetensors")
  }

  private func error(_ json: String, _ payload: [UInt8] = [], name: String = "q")
    -> TensorFileError?
  {
    failure { () throws(TensorFileError) in
      try SafetensorsArchive(bytes: safetensors(json, payload), file: "m").tensor(name)
    }
  }

  @Test func arraysOfEveryTypeAreRead() throws {
    let json = """
      {"__metadata__": {"format": "pt"},
       "k\\u00e9\\n\\ud83d\\ude00": {"dtype": "BF16", "shape": [2], "data_offsets": [4, 8]},
       "q": {"shape": [1, 1], "data_offsets": [0, 4], "dtype": "F32"},
       "empty": {"dtype": "I64", "shape": [0, 7], "data_offsets": [8, 8]}}  \

      """
    let archive = try archive(json, [0, 0, 0x80, 0x3F, 0x80, 0x3F, 0, 0xC0])
    #expect(archive.names == ["ké\n😀", "q", "empty"])
    #expect(try archive.tensor("q").expect(extents: [1, 1]).floats() == [1])
    #expect(try archive.tensor("ké\n😀").floats() == [1, -2])
    #expect(try archive.tensor("empty").extents == [0, 7])
    for (code, size) in [("F16", 2), ("F64", 8), ("I8", 1), ("U8", 1), ("I32", 4), ("I64", 8)] {
      let json = "{\"q\":{\"dtype\":\"\(code)\",\"shape\":[],\"data_offsets\":[0,\(size)]}}"
      let bytes = [UInt8](repeating: 0, count: size)
      #expect(try self.archive(json, bytes).tensor("q").doubles() == [0])
    }
  }

  @Test func arraysOfOtherTypesDoNotHideTheRest() {
    let json = """
      {"q":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]},\
      "k":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}
      """
    #expect(error(json, [0, 0], name: "k") == nil)
    #expect(error(json, [0, 0]) == .unknownElementType(file: "m:q", name: "F8_E4M3"))
  }

  @Test func byteRangesMustCoverTheDataOnce() {
    func json(_ begin: Int, _ end: Int) -> String {
      """
      {"k":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},\
      "q":{"dtype":"U8","shape":[2],"data_offsets":[\(begin),\(end)]}}
      """
    }
    #expect(error(json(2, 4), [0, 0, 0, 0]) == nil)
    #expect(
      error(json(2, 4), [0, 0, 0]) == .truncated(file: "m", expectedBytes: 4, foundBytes: 3))
    #expect(
      error(json(2, 4), [0, 0, 0, 0, 0])
        == .trailingBytes(file: "m", expectedBytes: 4, foundBytes: 5))
    func problem(_ begin: Int, _ end: Int) -> HeaderProblem? {
      guard case .malformedHeader(_, _, let problem)? = error(json(begin, end), [0, 0, 0, 0])
      else { return nil }
      return problem
    }
    #expect(problem(1, 3) == .unorderedRange(name: "q", begin: 1, end: 3, expectedBegin: 2))
    #expect(problem(3, 4) == .unorderedRange(name: "q", begin: 3, end: 4, expectedBegin: 2))
    #expect(problem(4, 2) == .unorderedRange(name: "q", begin: 4, end: 2, expectedBegin: 2))
  }

  @Test func malformedHeadersAreRefused() throws {
    func array(_ rest: String) -> String { "{\"q\":{\(rest)}}" }
    let known = ["dtype", "shape", "data_offsets"]
    let cases: [(String, HeaderProblem)] = [
      ("{", .expected("'\"'", found: "the end of the header")),
      ("{\"q\":1}", .expected("'{'", found: "'1'")),
      ("{\"q\":{}}", .missingKey("dtype")),
      (array("\"dtype\":\"U8\""), .missingKey("shape")),
      (array("\"dtype\":\"U8\",\"shape\":[]"), .missingKey("data_offsets")),
      (array("\"dtypes\":1"), .unknownKey("dtypes", known: known)),
      (array("\"dtype\":\"U8\",\"dtype\":\"U8\""), .duplicateKey("dtype")),
      (array("\"data_offsets\":[0]"), .expected("two byte offsets", found: "[0]")),
      (array("\"data_offsets\":[-1,0]"), .expected("two byte offsets", found: "[-1, 0]")),
      (array("\"shape\":[1,]"), .expected("an integer", found: "']'")),
      (array("\"shape\":[1.5]"), .expected("']'", found: "'.'")),
      ("{\"\\x\":1}", .expected("an escape", found: "'x'")),
      ("{\"\\u12g4\":1}", .expected("'u' and four hexadecimal digits", found: "'u'")),
      ("{\"\\ud800\":1}", .expected("a pair of surrogates before this", found: "'\"'")),
      ("{\"a\nb\":1}", .expected("text without control characters", found: "byte 10")),
      ("{\"__metadata__\":{\"a\":1}}", .expected("'\"'", found: "'1'")),
      ("{} x", .expected("the end of the header", found: "'x'")),
    ]
    for (json, expected) in cases {
      guard case .malformedHeader("m", _, let problem)? = error(json) else {
        Issue.record("\(json): \(String(describing: error(json)))")
        continue
      }
      #expect(problem == expected, "\(json)")
    }
    let sizes = "{\"q\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}"
    #expect(
      error(sizes, [0, 0, 0, 0])
        == .malformedHeader(
          file: "m:q", offset: 9, problem: .wrongRangeSize(name: "q", bytes: 4, expected: 8)))
  }

  @Test func declaredHeaderLengthsAreNotTrusted() {
    func error(_ length: [UInt8]) -> TensorFileError? {
      failure { () throws(TensorFileError) in
        try SafetensorsArchive(bytes: length + Array("{}".utf8), file: "m")
      }
    }
    #expect(error(little(2, 8)) == nil)
    #expect(
      error(little(90_000_000, 8))
        == .truncated(file: "m", expectedBytes: 90_000_008, foundBytes: 10))
    #expect(
      error([UInt8](repeating: 0xFF, count: 8))
        == .malformedHeader(
          file: "m", offset: 0, problem: .tooLong(bytes: .max, limit: 100_000_000)))
  }
}
