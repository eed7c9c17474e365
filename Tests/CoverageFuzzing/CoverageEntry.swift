// SPDX-License-Identifier: MIT

import Foundation
import HostileInput

// What libFuzzer calls. Parsers are instrumented, so that an input which reaches a branch for the
// first time is kept and changed further: it finds what a grammar does not think of. The parser is
// named by the environment, since libFuzzer owns the arguments.
private let parser: HostileParser = {
  let name = getenv("ATTNBENCH_PARSER").map { String(cString: $0) } ?? ""
  if let parser = HostileParser.all.first(where: { $0.name == name }) { return parser }
  complain("ATTNBENCH_PARSER is '\(name)', which no parser is called")
  exit(2)
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func readOneInput(bytes: UnsafePointer<UInt8>, count: Int) -> CInt {
  let input = Array(UnsafeBufferPointer(start: bytes, count: count))
  if case .unclear(let reason) = parser.attempt(input) {
    complain(reason)
    abort()
  }
  return 0
}

private func complain(_ text: String) {
  FileHandle.standardError.write(Data("coverage: \(text)\n".utf8))
}
