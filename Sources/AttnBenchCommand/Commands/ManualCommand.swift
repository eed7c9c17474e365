// SPDX-License-Identifier: MIT

import ArgumentParser
import Foundation

/// The manual page, made from the same words as `--help`; `make install` installs it.
struct ManualCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "manual", abstract: "Print the manual page in roff.",
    discussion: """
        attnbench manual | man -l -
      """, shouldDisplay: false)

  func run() throws {
    let data = Data(AttnBench._dumpHelp().utf8)
    let help = try JSONDecoder().decode(ManualPage.Help.self, from: data)
    print(ManualPage(help.command, version: Product.version).text, terminator: "")
  }
}
