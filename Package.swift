// swift-tools-version: 6.1
// SPDX-License-Identifier: MIT

import PackageDescription

// The documentation plugin is resolved only by `make docs`: nobody else pays for it.
let documentationPlugin: [Package.Dependency] =
  Context.environment["ATTNBENCH_DOCS"] == nil
  ? [] : [.package(url: "https://github.com/swiftlang/swift-docc-plugin", exact: "1.5.0")]

let package = Package(
  name: "attnbench",
  products: [
    .executable(name: "attnbench", targets: ["attnbench"]),
    .library(name: "Simulator", targets: ["Simulator", "AttentionCore"]),
    // The command with mechanisms of one's own: see Examples/OwnMechanism.
    .library(
      name: "AttnBenchCommand",
      targets: [
        "AttnBenchCommand", "AttentionMechanisms", "AttentionReference", "AttentionCore",
      ]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-numerics", exact: "1.1.1"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", exact: "2.1.1"),
  ] + documentationPlugin,
  targets: [
    // The command.
    .executableTarget(name: "attnbench", dependencies: ["AttnBenchCommand"]),
    .target(
      name: "AttnBenchCommand",
      dependencies: [
        "SuiteRunner", "Reporting", "Comparison", "ResultStore", "Measurement", "Simulator",
        "AttentionEngines", "AttentionMechanisms", "AttentionReference", "AttentionCore",
        "Statistics", "Configuration", "TensorFiles",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    // What is computed.
    .target(
      name: "AttentionCore",
      dependencies: [.product(name: "RealModule", package: "swift-numerics")]),
    .target(
      name: "AttentionReference",
      dependencies: [
        "AttentionCore", .product(name: "RealModule", package: "swift-numerics"),
      ]),
    .target(
      name: "AttentionMechanisms",
      dependencies: [
        "AttentionReference", "AttentionCore",
        .product(name: "RealModule", package: "swift-numerics"),
      ]),
    .target(
      name: "AttentionEngines",
      dependencies: [
        "AttentionCore", "CAttentionKernels", "COpenBLAS", "CFFTW",
        .product(name: "RealModule", package: "swift-numerics"),
      ]),
    .target(name: "CAttentionKernels", linkerSettings: [.linkedLibrary("m")]),

    // What it could cost.
    .target(
      name: "Simulator",
      dependencies: [
        "AttentionCore", "Configuration",
        .product(name: "RealModule", package: "swift-numerics"),
      ],
      // The plugin embeds the files of this folder.
      exclude: ["Machines"], plugins: ["EmbedMachines"]),
    .plugin(name: "EmbedMachines", capability: .buildTool()),

    // What it does cost.
    .target(
      name: "Statistics",
      dependencies: [.product(name: "RealModule", package: "swift-numerics")]),
    .target(
      name: "Measurement",
      dependencies: ["AttentionCore", "Statistics", "Configuration", "CPlatform", "CPAPI"],
      resources: [.embedInCode("Metrics")]),
    .target(name: "CPlatform"),

    // Suites, records, reports.
    .target(
      name: "SuiteRunner",
      dependencies: [
        "Measurement", "Simulator", "AttentionEngines", "AttentionMechanisms",
        "AttentionReference", "AttentionCore", "ResultStore", "TensorFiles", "Configuration",
        "Statistics", "Comparison",
      ]),
    .target(
      name: "ResultStore",
      dependencies: ["AttentionCore", .product(name: "GRDB", package: "GRDB.swift")]),
    .target(name: "Comparison", dependencies: ["ResultStore", "Statistics", "AttentionCore"]),
    .target(
      name: "Reporting",
      dependencies: [
        "ResultStore", "Comparison", "Statistics", "Simulator", "AttentionCore", "GnuplotBridge",
        .product(name: "Mustache", package: "swift-mustache"),
      ],
      resources: [.embedInCode("Templates")]),
    .target(
      name: "GnuplotBridge",
      linkerSettings: [.linkedLibrary("boost_iostreams")]),

    // Files.
    .target(
      name: "Configuration", dependencies: [.product(name: "Yams", package: "Yams")]),
    .target(name: "TensorFiles", dependencies: ["CZlib"]),

    // System libraries.
    .systemLibrary(
      name: "COpenBLAS", path: "Sources/SystemLibraries/COpenBLAS", pkgConfig: "openblas",
      providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(
      name: "CFFTW", path: "Sources/SystemLibraries/CFFTW", pkgConfig: "fftw3f",
      providers: [.apt(["libfftw3-dev"])]),
    .systemLibrary(
      name: "CPAPI", path: "Sources/SystemLibraries/CPAPI", pkgConfig: "papi",
      providers: [.apt(["libpapi-dev"])]),
    .systemLibrary(
      name: "CZlib", path: "Sources/SystemLibraries/CZlib", pkgConfig: "zlib",
      providers: [.apt(["zlib1g-dev"])]),

    // Hostile inputs: what tests and the long form of `make torture` read.
    .target(
      name: "HostileInput",
      dependencies: [
        "SuiteRunner", "Reporting", "ResultStore", "Measurement", "Simulator",
        "AttentionMechanisms", "AttentionCore", "Configuration", "TensorFiles",
      ],
      path: "Tests/HostileInput", exclude: ["Corpus"]),
    .executableTarget(
      name: "attnbench-fuzz", dependencies: ["HostileInput", "CPlatform"], path: "Tests/FuzzCommand"
    ),
    .testTarget(name: "HostileInputTests", dependencies: ["HostileInput"]),

    // Tests.
    .testTarget(name: "AttentionCoreTests", dependencies: ["AttentionCore"]),
    .testTarget(
      name: "AttentionEnginesTests", dependencies: ["AttentionEngines", "AttentionCore"]),
    .testTarget(
      name: "SuiteRunnerTests",
      dependencies: [
        "SuiteRunner", "Simulator", "AttentionMechanisms", "AttentionCore", "AttentionEngines",
        "Measurement", "ResultStore", "Configuration",
      ]),
    .testTarget(
      name: "ContractTests",
      dependencies: [
        "AttentionCore", "AttentionReference", "AttentionMechanisms", "AttentionEngines",
        "SuiteRunner",
      ]),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "attnbench", "AttentionCore", "AttentionMechanisms", "ResultStore", "TensorFiles",
      ]),
    .testTarget(
      name: "SimulatorTests", dependencies: ["Simulator", "AttentionCore", "Configuration"],
      exclude: ["Resources"]),
    .testTarget(
      name: "ResultStoreTests",
      dependencies: [
        "ResultStore", "AttentionCore", .product(name: "GRDB", package: "GRDB.swift"),
      ]),
    .testTarget(
      name: "ReportingTests", dependencies: ["Reporting", "Comparison", "ResultStore"],
      exclude: ["Recorded", "Snapshots"]),
    .testTarget(
      name: "ComparisonTests",
      dependencies: ["Comparison", "ResultStore", "Statistics", "AttentionCore"]),
    .testTarget(name: "StatisticsTests", dependencies: ["Statistics"]),
    .testTarget(
      name: "MeasurementTests",
      dependencies: ["Measurement", "Statistics", "Configuration", "CPlatform"]),
    .testTarget(name: "TensorFilesTests", dependencies: ["TensorFiles"]),
    .testTarget(name: "ConfigurationTests", dependencies: ["Configuration"]),
  ]
)

// Parsers as libFuzzer calls them, in an instrumented build of their own: see Scripts/torture.sh.
if Context.environment["ATTNBENCH_COVERAGE"] != nil {
  package.targets.append(
    .target(
      name: "CoverageFuzzing", dependencies: ["HostileInput"], path: "Tests/CoverageFuzzing"))
  package.products.append(
    .library(name: "CoverageFuzzing", type: .dynamic, targets: ["CoverageFuzzing"]))
}

// Builds under a sanitizer take only the targets that they check: see Scripts/torture.sh.
if let wanted = Context.environment["ATTNBENCH_TARGETS"]?.split(whereSeparator: \.isWhitespace) {
  package.targets.removeAll { !wanted.contains(Substring($0.name)) }
  package.products = []
}
