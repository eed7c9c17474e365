// SPDX-License-Identifier: MIT

import Yams

/// Turns a text into nodes, by way of the YAML library.
struct YAMLReader {
  let file: String

  func root(of text: String) throws(ConfigurationFailure) -> ConfigurationNode {
    let aliases = AliasGuard(text)
    if let place = aliases.ambiguousPlace {
      throw failure(line: place.line, column: place.column, .aliasInKey)
    }
    let nesting = NestingGuard(text)
    if nesting.flattenedText != nil, nesting.explicitKeyCount > NestingGuard.maximumExplicitKeys {
      throw failure(
        line: 1, column: 1, .tooManyExplicitKeys(limit: NestingGuard.maximumExplicitKeys))
    }
    if let flattened = nesting.flattenedText {
      try checkDepth(of: compose(AliasGuard(flattened).markedText ?? flattened), depth: 0)
    }
    if let marked = aliases.markedText {
      try checkKeys(of: compose(marked), depth: 0)
    }
    var remaining = ConfigurationDocument.maximumValues
    return try convert(compose(text), name: "", depth: 0, &remaining)
  }

  private func compose(_ text: String) throws(ConfigurationFailure) -> Node {
    do {
      // The encoding is named because the library's default depends on the environment; the basic
      // resolver because values are interpreted by whoever asks for them, not by their looks.
      let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
      if let node = try parser.singleRoot() { return node }
    } catch let error as YamlError {
      throw failure(error)
    } catch {
      throw failure(line: 1, column: 1, .invalidYAML(reason: "\(error)"))
    }
    throw failure(line: 1, column: 1, .emptyDocument)
  }

  private func checkDepth(of node: Node, depth: Int) throws(ConfigurationFailure) {
    try checkDepth(depth, node)
    switch node {
    case .scalar, .alias:
      break
    case .sequence(let sequence):
      for element in sequence { try checkDepth(of: element, depth: depth + 1) }
    case .mapping(let mapping):
      for (key, value) in mapping {
        try checkDepth(of: key, depth: depth + 1)
        try checkDepth(of: value, depth: depth + 1)
      }
    }
  }

  /// Makes sure that no key is, or holds, a marked alias.
  private func checkKeys(of node: Node, depth: Int) throws(ConfigurationFailure) {
    try checkDepth(depth, node)
    switch node {
    case .scalar, .alias:
      break
    case .sequence(let sequence):
      for element in sequence { try checkKeys(of: element, depth: depth + 1) }
    case .mapping(let mapping):
      for (key, value) in mapping {
        guard let word = key.scalar?.string else { throw failure(at: key, .keyIsNotText) }
        guard !word.unicodeScalars.contains(AliasGuard.marker) else {
          throw failure(at: key, .aliasInKey)
        }
        try checkKeys(of: value, depth: depth + 1)
      }
    }
  }

  /// Makes a node with all below it, as long as `remaining` values, aliases written out, last.
  private func convert(
    _ node: Node, name: String, depth: Int, _ remaining: inout Int
  ) throws(ConfigurationFailure) -> ConfigurationNode {
    try checkDepth(depth, node)
    try checkTag(of: node)
    remaining -= 1
    guard remaining >= 0 else {
      throw failure(at: node, .tooManyValues(limit: ConfigurationDocument.maximumValues))
    }
    let content: ConfigurationNode.Content
    switch node {
    case .scalar(let scalar):
      content = .value(scalar.string, isPlain: scalar.style == .plain)
    case .sequence(let sequence):
      var elements: [ConfigurationNode] = []
      for (index, element) in sequence.enumerated() {
        elements.append(
          try convert(element, name: "\(name)[\(index)]", depth: depth + 1, &remaining))
      }
      content = .list(elements)
    case .mapping(let mapping):
      content = .mapping(try entries(of: mapping, depth: depth, &remaining))
    case .alias:
      // Only trees made by hand hold these; the library has put the value in their place.
      throw failure(at: node, .aliasInKey)
    }
    return ConfigurationNode(place: place(of: node), name: name, content: content)
  }

  private func entries(
    of mapping: Node.Mapping, depth: Int, _ remaining: inout Int
  ) throws(ConfigurationFailure) -> [ConfigurationEntry] {
    var entries: [ConfigurationEntry] = []
    for (key, value) in mapping {
      guard let scalar = key.scalar else { throw failure(at: key, .keyIsNotText) }
      try checkTag(of: key)
      guard scalar.string != "<<" || scalar.style != .plain else {
        throw failure(at: key, .mergeKey)
      }
      let node = try convert(value, name: scalar.string, depth: depth + 1, &remaining)
      entries.append(ConfigurationEntry(key: scalar.string, place: place(of: key), value: node))
    }
    return entries
  }

  private func checkDepth(_ depth: Int, _ node: Node) throws(ConfigurationFailure) {
    guard depth <= ConfigurationDocument.maximumDepth else {
      throw failure(at: node, .tooDeep(limit: ConfigurationDocument.maximumDepth))
    }
  }

  private func checkTag(of node: Node) throws(ConfigurationFailure) {
    let name = node.tag.rawValue
    let implied = ["str", "seq", "map"].map { "tag:yaml.org,2002:" + $0 }
    guard implied.contains(name) else { throw failure(at: node, .unsupportedTag(name)) }
  }

  private func place(of node: Node) -> ConfigurationPlace {
    ConfigurationPlace(file: file, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
  }

  private func failure(at node: Node, _ problem: ConfigurationProblem) -> ConfigurationFailure {
    let place = place(of: node)
    return failure(line: place.line, column: place.column, problem)
  }

  private func failure(
    line: Int, column: Int, _ problem: ConfigurationProblem
  ) -> ConfigurationFailure {
    let place = ConfigurationPlace(file: file, line: line, column: column)
    return ConfigurationFailure(ConfigurationError(place: place, name: "", problem: problem))
  }
}

extension YAMLReader {
  private func failure(_ error: YamlError) -> ConfigurationFailure {
    switch error {
    case .scanner(let context, let problem, let mark, _),
      .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      if problem == "but found another document" {
        return failure(line: mark.line, column: mark.column, .severalDocuments)
      }
      if problem.hasPrefix("Maximum nesting level") {
        let limit = ConfigurationDocument.maximumDepth
        return failure(line: mark.line, column: mark.column, .tooDeep(limit: limit))
      }
      let reason = problem + (context.map { " \($0.text)" } ?? "") + advice(for: problem)
      return failure(line: mark.line, column: mark.column, .invalidYAML(reason: reason))
    case .duplicatedKeysInMapping(let keys, let context):
      let problem = ConfigurationProblem.duplicateKey(keys.first ?? "")
      return failure(line: context.mark.line, column: context.mark.column, problem)
    case .reader(let problem, let offset, _, let text):
      let before = text.prefix(offset ?? 0)
      let line = before.count { $0.isNewline } + 1
      let column = before.reversed().prefix { !$0.isNewline }.count + 1
      return failure(line: line, column: column, .invalidYAML(reason: problem))
    case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded:
      return failure(line: 1, column: 1, .invalidYAML(reason: "\(error)"))
    }
  }

  /// What to do about the errors that people make most.
  private func advice(for problem: String) -> String {
    if problem.contains("'\\t'") || problem.contains("tab") {
      "; indent with spaces"
    } else if problem.contains("mapping values are not allowed") {
      "; check the indentation, or put text with ': ' in quotes"
    } else {
      ""
    }
  }
}
