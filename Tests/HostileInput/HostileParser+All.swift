// SPDX-License-Identifier: MIT

extension HostileParser {
  /// Every parser, with what changed inputs cost it.
  public static let all: [HostileParser] = [
    ConfigurationParsers.suite, ConfigurationParsers.machine, ConfigurationParsers.metrics,
    ConfigurationParsers.settings, TensorParsers.numpy, TensorParsers.archive,
    TensorParsers.safetensors, TensorParsers.weights, StoreParsers.journal, StoreParsers.report,
    StoreParsers.header, StoreParsers.exact, StoreParsers.name, HistoryParser.database,
    HistoryParser.annotations, WorkerParsers.request, WorkerParsers.reply, WorkerParsers.roofs,
    NameParsers.name,
  ]
}
