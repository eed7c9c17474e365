// SPDX-License-Identifier: MIT

import ArgumentParser
import Measurement

/// Which counters a run reads.
struct CounterOptions: ParsableArguments {
  @Option(
    name: .customLong("counters"),
    help: ArgumentHelp(
      "auto, papi, perf, cachegrind, none, or a list of sources, counters and PAPI events.",
      valueName: "list"))
  var text = "auto"

  func selection() throws -> CounterSelection {
    do {
      return try CounterSelection(text)
    } catch {
      throw Refusal.usage("--counters \(text): \(error)")
    }
  }
}
