// SPDX-License-Identifier: MIT

import AttentionCore
import Configuration
import TensorFiles

/// Where the tensors of a case come from.
public enum InputSpecification: Hashable, Sendable {
  case generated(GeneratedInput)
  case captured(CapturedInput)

  public var name: String {
    switch self {
    case .generated(let input): input.rawValue
    case .captured(let input): input.name
    }
  }

  /// What the input is, for the method section of a report.
  public var summary: String {
    switch self {
    case .generated(let input): input.summary
    case .captured(let input): "captured tensors of \(input.name)"
    }
  }
}

/// Inputs made from the seed.
public enum GeneratedInput: String, Hashable, Sendable, CaseIterable {
  case gaussian
  case peaky
  case outlierQueryKey = "outlier-query-key"
  case biasedValues = "biased-values"
  case outlierChannels = "outlier-channels"
  case rareLarge = "rare-large"
  case correlatedGrid = "correlated-grid"
  case sinkLocal = "sink-local"

  public var summary: String {
    switch self {
    case .gaussian: "independent N(0, 1); attention is almost uniform"
    case .peaky: "N(0, 1) with queries three times as large; attention has few winners"
    case .outlierQueryKey:
      "N(0, 1) with a shared bias of +-15 on six key channels and of 12 on six query channels"
    case .biasedValues: "N(0, 1) with a bias from N(0, 64) on every value channel"
    case .outlierChannels: "N(0, 1) with a shared bias of +-30 on four key channels"
    case .rareLarge: "N(0, 1) with a share of 0.1 % drawn from N(0, 100)"
    case .correlatedGrid: "queries and keys that vary slowly along every axis of the grid"
    case .sinkLocal: "text-like: a few sink tokens and slowly varying local content"
    }
  }
}

/// Reads the `inputs` of a suite.
enum InputFile {
  static func specification(
    _ node: ConfigurationNode, directory: String
  ) throws(ConfigurationFailure) -> InputSpecification {
    guard node.kind == .mapping else {
      return .generated(try node.choice(of: GeneratedInput.self))
    }
    let map = try node.mapping(keys: ["file", "query", "key", "value", "layout"])
    let layout = try map.optional("layout")?.choice(of: TensorLayout.self) ?? .batchHeadsTokens
    func reference(_ name: String) throws(ConfigurationFailure) -> TensorReference {
      if let file = map.optional("file") {
        return TensorReference(
          path: place(try file.string(), directory),
          name: try map.optional(name)?.string() ?? String(name.prefix(1)))
      }
      let given = TensorReference(try map.required(name).string())
      return TensorReference(path: place(given.path, directory), name: given.name)
    }
    let tensors = [try reference("query"), try reference("key"), try reference("value")]
    do {
      return .captured(
        try CapturedInput(query: tensors[0], key: tensors[1], value: tensors[2], layout: layout))
    } catch {
      throw node.failure(error.description)
    }
  }

  /// A path of a suite, relative to the suite's own folder.
  private static func place(_ path: String, _ directory: String) -> String {
    path.hasPrefix("/") ? path : directory + "/" + path
  }
}
