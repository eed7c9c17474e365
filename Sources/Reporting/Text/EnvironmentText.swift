// SPDX-License-Identifier: MIT

import ResultStore

/// Where and with what the cases were run, one line per fact.
struct EnvironmentText {
  let lines: [(name: String, value: String)]

  init(_ report: Report) {
    let records = report.records
    var lines: [(name: String, value: String)] = []
    func add(_ name: String, _ values: [String]) {
      guard !values.isEmpty else { return }
      lines.append((name, Self.summary(values)))
    }
    add("processor", records.map(\.machine.cpu))
    add("machine", records.map { "\($0.machine.slug), \($0.machine.cores) cores" })
    add("fingerprint", records.map(\.machine.fingerprint))
    add("threads", records.map { String($0.execution.threads) })
    add("affinity", records.map(\.execution.affinity))
    add("kernel table", records.map(\.execution.kernelTable))
    for name in Self.names(records.map(\.execution.conditions)) {
      add(name, records.compactMap { $0.execution.conditions[name] })
    }
    add("attnbench", records.map { "\($0.build.attnbenchVersion), commit \($0.build.commit)" })
    add("compiler", records.map(\.build.compiler))
    for name in Self.names(records.map(\.build.libraries)) {
      add(name, records.compactMap { $0.build.libraries[name] })
    }
    add("OpenBLAS core", records.map(\.build.openBLASCore))
    add(
      "OpenBLAS variables found in the environment",
      records.map { record in
        let found = record.build.openBLASInherited.sorted { $0.key < $1.key }
        return found.isEmpty
          ? "none" : found.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
      })
    if let header = report.header {
      lines.append(("seed", String(header.seed)))
      lines.append(("run begun", header.startedAt))
      if !header.options.isEmpty {
        let options = header.options.sorted { $0.key < $1.key }
        lines.append(
          ("options", options.map { "\($0.key)=\($0.value)" }.joined(separator: " ")))
      }
    }
    self.lines = lines
  }

  private static func names(_ dictionaries: [[String: String]]) -> [String] {
    Set(dictionaries.flatMap(\.keys)).sorted()
  }

  /// The distinct values, or the range of numbers if there are many.
  private static func summary(_ values: [String]) -> String {
    var distinct: [String] = []
    for value in values where !distinct.contains(value) { distinct.append(value) }
    guard distinct.count > 4 else { return distinct.joined(separator: ", ") }
    let numbers = distinct.compactMap(Double.init).filter(\.isFinite)
    guard numbers.count == distinct.count, let low = numbers.min(), let high = numbers.max() else {
      return "\(distinct.count) different values, listed in the journal"
    }
    return "\(NumberText.significant(low)) ... \(NumberText.significant(high))"
  }
}
