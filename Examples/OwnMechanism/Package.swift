// swift-tools-version: 6.1
// SPDX-License-Identifier: MIT

import PackageDescription

// Outside this repository, replace the path by the repository's address.
let package = Package(
  name: "own-mechanism",
  dependencies: [.package(name: "attnbench", path: "../..")],
  targets: [
    .executableTarget(
      name: "own-attention",
      dependencies: [.product(name: "AttnBenchCommand", package: "attnbench")])
  ]
)
