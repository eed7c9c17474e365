// SPDX-License-Identifier: MIT

/// A manual page in the man macros of roff: every command with its words, options and examples.
struct ManualPage {
  /// What the argument parser tells about a program.
  struct Help: Decodable {
    let command: Command
  }

  struct Command: Decodable {
    let commandName: String
    let aliases: [String]?
    let abstract: String?
    let discussion: String?
    let shouldDisplay: Bool?
    let subcommands: [Command]?
    let arguments: [Argument]?
  }

  struct Argument: Decodable {
    struct Name: Decodable {
      let kind: String
      let name: String
    }
    let kind: String
    let shouldDisplay: Bool
    let isOptional: Bool
    let isRepeating: Bool
    let names: [Name]?
    let valueName: String?
    let defaultValue: String?
    let abstract: String?
  }

  private let root: Command
  private let version: String

  init(_ root: Command, version: String) {
    self.root = root
    self.version = version
  }

  var text: String {
    var lines = [
      ".TH \(root.commandName.uppercased()) 1 \"\" \"\(root.commandName) \(version)\"",
      ".SH NAME", "\(root.commandName) \\- \(Self.escaped(root.abstract ?? ""))",
      ".SH SYNOPSIS", ".B \(root.commandName)", ".I command", "[options]",
      ".SH DESCRIPTION",
    ]
    lines += Self.prose(root.discussion ?? "")
    lines.append(".SH COMMANDS")
    for command in shown(root) { lines += section(command, path: []) }
    lines += [
      ".SH FILES", ".TP", "\\fIResults/runs/\\fR",
      "Runs, a folder each: journal, report, tables and pictures.", ".TP",
      "\\fI~/.config/attnbench/machines/\\fR", "Machines of your own, a YAML file each.",
      ".SH ENVIRONMENT", ".TP", ".B ATTNBENCH_ISA",
      "The kernel table: scalar, avx2, avx512, avx512_vnni or avx512_bf16.", ".TP",
      ".B ATTNBENCH_MACHINES", "A folder with more machines.", ".TP",
      ".B NO_COLOR", "Any value but the empty one: no colours.",
    ]
    return lines.joined(separator: "\n") + "\n"
  }

  private func shown(_ command: Command) -> [Command] {
    (command.subcommands ?? []).filter { $0.shouldDisplay != false && $0.commandName != "help" }
  }

  private func section(_ command: Command, path: [String]) -> [String] {
    let name = (path + [command.commandName]).joined(separator: " ")
    let arguments = (command.arguments ?? []).filter {
      $0.shouldDisplay && !["help", "version"].contains($0.names?.last?.name ?? "")
    }
    let synopsis = arguments.filter { $0.kind == "positional" }.map { argument in
      let value = "\\fI\(Self.escaped(argument.valueName ?? "value"))\\fR"
      let repeated = argument.isRepeating ? value + " ..." : value
      return argument.isOptional ? "[\(repeated)]" : repeated
    }
    var lines = [".SS \"\(root.commandName) \(name)\""]
    lines.append(
      (["\\fB\(root.commandName) \(name)\\fR"] + synopsis + ["[options]"]).joined(separator: " "))
    lines += [".PP", Self.escaped(command.abstract ?? "")]
    lines += Self.prose(command.discussion ?? "")
    for argument in arguments { lines += Self.entry(argument) }
    for child in shown(command) { lines += section(child, path: path + [command.commandName]) }
    return lines
  }

  private static func entry(_ argument: Argument) -> [String] {
    let value = argument.valueName.map { "\\fI\(escaped($0))\\fR" } ?? ""
    var head = value
    if let names = argument.names, !names.isEmpty {
      let texts = names.map { "\\fB\(escaped(($0.kind == "short" ? "-" : "--") + $0.name))\\fR" }
      head = texts.joined(separator: ", ") + (argument.kind == "flag" ? "" : " " + value)
    }
    let text = escaped(argument.abstract ?? "")
    let preset = argument.defaultValue.map { " (default: \(escaped($0)))" } ?? ""
    return [".TP", head, text + preset]
  }

  /// Paragraphs and, indented by two letters or more, examples that keep their lines.
  private static func prose(_ text: String) -> [String] {
    var lines: [String] = []
    var isExample = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let indented = line.hasPrefix("  ")
      if indented != isExample, !line.isEmpty {
        lines += indented ? [".PP", ".RS", ".nf"] : [".fi", ".RE", ".PP"]
        isExample = indented
      } else if line.isEmpty, !isExample {
        lines.append(".PP")
      }
      if !line.isEmpty { lines.append(escaped(String(line.drop { $0 == " " }))) }
    }
    if isExample { lines += [".fi", ".RE"] }
    return lines
  }

  /// Text whose letters roff would take for its own.
  private static func escaped(_ text: String) -> String {
    let letters = text.map { letter in
      switch letter {
      case "\\": "\\e"
      case "-": "\\-"
      case "'": "\\(aq"
      case "`": "\\(ga"
      default: String(letter)
      }
    }
    let line = letters.joined()
    return line.hasPrefix(".") ? "\\&" + line : line
  }
}
