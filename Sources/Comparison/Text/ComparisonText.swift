// SPDX-License-Identifier: MIT

import Foundation

extension ComparisonReport {
  /// The report as lines for a terminal, the outcome last.
  public var text: String {
    var text = "\(command): \(head) against \(base), suite \(suite)\n\n"
    text += section("", ComparisonTable(cases: self).nonEmpty?.plain())
    text += section(
      "Exact quantities that changed\n", ComparisonTable(exact: self).nonEmpty?.plain())
    text += section("Family means\n", ComparisonTable(families: self).nonEmpty?.plain())
    text += section("Controls\n", ComparisonTable(controls: self).nonEmpty?.plain())
    text += section("Not compared\n", ComparisonTable(uncovered: self).nonEmpty?.plain(width: 100))
    for note in notes { text += "Note: \(note)\n" }
    text += "Coverage: \(coverage.text)\n"
    for reason in outcome.reasons { text += "- \(reason)\n" }
    return text + "\(outcome.word) (exit code \(outcome.exitCode))\n"
  }

  /// The summary of a job as Markdown, the outcome first.
  public var markdown: String {
    let name = MarkdownText.escaped
    var text = "## attnbench \(command): \(outcome.word)\n\n"
    text += "\(name(head)) against \(name(base)), suite \(name(suite)). \(coverage.text).\n\n"
    for reason in outcome.reasons { text += "- \(name(reason))\n" }
    if !outcome.reasons.isEmpty { text += "\n" }
    text += section("", ComparisonTable(cases: self).nonEmpty?.markdown)
    text += section(
      "### Exact quantities that changed\n\n", ComparisonTable(exact: self).nonEmpty?.markdown)
    text += section("### Family means\n\n", ComparisonTable(families: self).nonEmpty?.markdown)
    text += section("### Controls\n\n", ComparisonTable(controls: self).nonEmpty?.markdown)
    text += section("### Not compared\n\n", ComparisonTable(uncovered: self).nonEmpty?.markdown)
    for note in notes { text += "> \(name(note))\n\n" }
    return text + rules + "\n"
  }

  private var rules: String {
    "A change of time matters from \(PercentText.plain(policy.timeDelta)) and "
      + "\(PercentText.duration(policy.floorNanoseconds)) on; work is exact. SAME: the whole "
      + "interval lies within; SLOWER: all of it beyond, twice. p and q (Benjamini-Hochberg) test "
      + "that no change matters."
  }

  private func section(_ title: String, _ body: String?) -> String {
    body.map { title + $0 + "\n" } ?? ""
  }
}

extension ComparisonTable {
  /// Nil for a table without rows.
  fileprivate var nonEmpty: ComparisonTable? { rows.isEmpty ? nil : self }
}
