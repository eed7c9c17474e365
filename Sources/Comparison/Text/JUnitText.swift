// SPDX-License-Identifier: MIT

import Foundation

extension ComparisonReport {
  /// The report as JUnit XML: one test case per case and quantity, and one per control.
  ///
  /// A regression and a wrong kernel are failures, a process that broke is an error, what could not
  /// be decided or compared is skipped. A failed control is a failure of the suite `controls`.
  public var junit: String {
    let suites = [
      JUnitSuite(name: "\(suite) cases", cases: cases.flatMap(\.junitCases)),
      JUnitSuite(name: "\(suite) controls", cases: controls.map(\.junitCase)),
    ].filter { !$0.cases.isEmpty }
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    text += "<testsuites name=\"\(XMLText.escaped("attnbench \(command)"))\">\n"
    for suite in suites { text += suite.text }
    return text + "</testsuites>\n"
  }
}

/// A test suite of a JUnit file.
private struct JUnitSuite {
  let name: String
  let cases: [JUnitCase]

  var text: String {
    func count(_ tag: String) -> Int { cases.count { $0.result?.tag == tag } }
    var text = "  <testsuite name=\"\(XMLText.escaped(name))\" tests=\"\(cases.count)\" "
    text += "failures=\"\(count("failure"))\" errors=\"\(count("error"))\" "
    text += "skipped=\"\(count("skipped"))\">\n"
    for item in cases { text += item.text }
    return text + "  </testsuite>\n"
  }
}

/// A test case of a JUnit file; without a result it passed.
private struct JUnitCase {
  let group: String
  let name: String
  /// Median time of head [ns], where it was measured.
  var nanoseconds: Double?
  var result: (tag: String, message: String)?

  var text: String {
    var text = "    <testcase classname=\"\(XMLText.escaped(group))\" "
    text += "name=\"\(XMLText.escaped(name))\""
    if let nanoseconds, nanoseconds.isFinite {
      text += String(format: " time=\"%.9f\"", nanoseconds * 1e-9)
    }
    guard let result else { return text + "/>\n" }
    return text + ">\n      <\(result.tag) message=\"\(XMLText.escaped(result.message))\"/>\n"
      + "    </testcase>\n"
  }
}

extension CaseComparison {
  fileprivate var junitCases: [JUnitCase] {
    let group = family.rawValue
    var timed = JUnitCase(group: group, name: "\(caseID) time")
    switch coverage {
    case .failed(let reason): timed.result = ("failure", reason)
    case .broken(let reason): timed.result = ("error", reason)
    case .compared, .skipped, .unsupported, .notReached:
      timed.result = coverage.reason.map { ("skipped", "\(coverage.word): \($0)") }
    }
    if let time {
      timed.nanoseconds = time.last.headNanoseconds
      switch time.verdict {
      case .slower: timed.result = ("failure", "SLOWER: \(time.last.changeText)")
      case .ambiguous:
        let remark = time.remark.map { "; \($0)" } ?? ""
        timed.result = ("skipped", "AMBIGUOUS: \(time.last.changeText)\(remark)")
      case .faster, .same: break
      }
    }
    let kinds = ComparedQuantity.allCases.filter { kind in
      quantities.contains { $0.quantity == kind }
    }
    return [timed]
      + kinds.map { kind in
        let worse = exactRegressions.filter { $0.quantity == kind }
        let message = worse.map { "\(kind.word(.slower)): \($0.changeText)" }
        return JUnitCase(
          group: group, name: "\(caseID) \(kind.rawValue)",
          result: worse.isEmpty ? nil : ("failure", message.joined(separator: "; ")))
      }
  }
}

extension ControlResult {
  fileprivate var junitCase: JUnitCase {
    let name = kind == .same ? "A/A" : "planted \(PercentText.plain(slowdown))"
    return JUnitCase(
      group: "controls", name: "\(name) \(caseID)", nanoseconds: time?.last.headNanoseconds,
      result: objection.map { ("failure", $0) })
  }
}

/// Text for XML attributes.
enum XMLText {
  /// `text` with marks escaped, and what XML 1.0 cannot hold at all replaced by U+FFFD.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&apos;"
      case "\n", "\r", "\t": result += "&#\(scalar.value);"
      case _ where scalar.value < 0x20 || scalar.value == 0xFFFE || scalar.value == 0xFFFF:
        result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
