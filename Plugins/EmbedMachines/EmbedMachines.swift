// SPDX-License-Identifier: MIT

import Foundation
import PackagePlugin

/// Turns the folder `Machines` of a target into one Swift file that holds every machine's text.
///
/// The folder is listed anew by each build, so that a new file needs no line of code.
@main
struct EmbedMachines: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    let folder = target.directoryURL.appending(path: "Machines")
    let files = try FileManager.default
      .contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "yaml" }
      .sorted { $0.lastPathComponent < $1.lastPathComponent }
    let script = context.package.directoryURL.appending(path: "Scripts/embed-machines.sh")
    let output = context.pluginWorkDirectoryURL.appending(path: "MachineTexts.swift")
    return [
      .buildCommand(
        displayName: "Embedding \(files.count) machines",
        executable: URL(filePath: "/bin/sh"),
        arguments: [script.path, output.path] + files.map(\.path),
        // The folder stands for its list: a file that goes away changes it too.
        inputFiles: [script, folder] + files, outputFiles: [output])
    ]
  }
}
