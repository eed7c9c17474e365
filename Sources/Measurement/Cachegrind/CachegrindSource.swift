// SPDX-License-Identifier: MIT

/// The exact number of instructions of one call, by executing it in valgrind's cachegrind.
///
/// A worker process runs the call once and then one, two or three times more; the differences of
/// the totals are one call each, to the digit: start-up, planning and packing of weights cancel. Both
/// differences must agree, since start-up itself varies by a few instructions now and then. Address
/// randomisation and seeded hashing are off, there is one thread, and the environment is fixed.
/// Valgrind hides AVX-512, so the AVX2 kernels run. Its cache simulation is off: it knows neither
/// this processor's caches nor their prefetching.
public final class CachegrindSource: CounterSource {
  public let name = "cachegrind"
  public static let counterName = "exact-instructions"
  /// The environment variable that holds the repetitions, as one digit.
  ///
  /// As an argument the digit would be hashed while arguments are parsed, and two digits may collide
  /// with different neighbours: a few instructions that no call has executed.
  public static let repetitionsVariable = "ATTNBENCH_REPETITIONS"

  /// Arguments of the worker that the next reading executes; nil reads as absent.
  ///
  /// The worker runs its call as often as ``repetitionsVariable`` says, after a first time. Its first
  /// line of output says what it ran: kernel table, libraries and shape.
  public var target: [String]?
  private let binary: String
  private let tools: any ToolAccess
  private let libraryPath: String?
  private var copy: Result<StrippedCopy, StrippedCopy.Failure>?

  /// Runs `binary`; `libraryPath` is where it finds its libraries, if not by itself.
  public init(
    binary: String, libraryPath: String? = nil, tools: any ToolAccess = SystemTools()
  ) {
    self.binary = binary
    self.libraryPath = libraryPath
    self.tools = tools
  }

  /// Why nothing can be counted here, or nil.
  public var unavailability: AbsenceReason? {
    for tool in ["valgrind", "strip"] where tools.path(of: tool) == nil {
      let package = tool == "strip" ? "binutils" : tool
      return .toolMissing(name: tool, mend: "apt-get install \(package)")
    }
    return nil
  }

  public func start() {}

  /// Executes the target in valgrind, which takes seconds; the work between start and stop is not
  /// what is counted.
  public func stop() -> [CounterReading] {
    let (value, label) = counted
    return [
      CounterReading(
        name: Self.counterName, unit: "instructions", source: name, scope: .process,
        event: label, value: value)
    ]
  }

  private var counted: (value: CounterValue, label: String?) {
    if let unavailability { return (.absent(unavailability), nil) }
    guard let target else { return (.absent(.noCase), nil) }
    do {
      var calls: [Int64] = []
      for _ in 0..<Self.attempts {
        let (first, label) = try execute(target, repetitions: 1)
        let second = try execute(target, repetitions: 2).instructions
        let third = try execute(target, repetitions: 3).instructions
        calls = [second - first, third - second]
        if calls[0] == calls[1], calls[0] > 0 { return (.count(UInt64(calls[0])), label) }
      }
      let detail = "calls of the same case differ: \(calls[0]) and \(calls[1]) instructions"
      return (.absent(.toolFailed(name: "valgrind", detail: detail)), nil)
    } catch {
      return (.absent(error.reason), nil)
    }
  }

  /// Tries before the calls themselves are taken to differ.
  private static let attempts = 3

  private func execute(
    _ target: [String], repetitions: Int
  ) throws(StrippedCopy.Failure) -> (instructions: Int64, label: String) {
    guard let valgrind = tools.path(of: "valgrind") else {
      throw .init(reason: .toolMissing(name: "valgrind", mend: "apt-get install valgrind"))
    }
    let copy = try stripped()
    var command = [
      valgrind, "--tool=cachegrind", "--cache-sim=no", "--branch-sim=no",
      "--cachegrind-out-file=/dev/null", copy.path,
    ]
    command += target
    // Without `setarch` addresses are random; the difference of two runs hardly depends on them.
    if let setarch = tools.path(of: "setarch") { command = [setarch, "-R"] + command }
    let outcome = tools.run(
      command[0], Array(command.dropFirst()),
      environment: Self.environment(libraryPath, repetitions: repetitions))
    if let failure = outcome.failure {
      throw .init(reason: .toolFailed(name: "valgrind", detail: failure))
    }
    guard let count = Self.references(in: outcome.errors) else {
      throw .init(
        reason: .toolFailed(name: "valgrind", detail: "its summary has no line 'I refs'"))
    }
    return (count, outcome.output.split(separator: "\n").first.map(String.init) ?? "")
  }

  private func stripped() throws(StrippedCopy.Failure) -> StrippedCopy {
    if let copy { return try copy.get() }
    let made: Result<StrippedCopy, StrippedCopy.Failure>
    do {
      made = .success(try StrippedCopy(of: binary, tools: tools))
    } catch {
      made = .failure(error)
    }
    copy = made
    return try made.get()
  }

  /// The same variables for every run: their size moves the stack.
  private static func environment(
    _ libraryPath: String?, repetitions: Int
  ) -> [String: String] {
    var environment = [
      "PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "SWIFT_DETERMINISTIC_HASHING": "1",
      "OPENBLAS_NUM_THREADS": "1", "ATTNBENCH_KEEP_BLAS": "1",
      repetitionsVariable: "\(repetitions)",
    ]
    environment["LD_LIBRARY_PATH"] = libraryPath
    return environment
  }

  /// The count of the line `I refs:  5,999,408,176`, which newer versions write with one space.
  static func references(in text: String) -> Int64? {
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ").drop { $0.hasPrefix("==") }
      guard words.count == 3, words.first == "I", words.dropFirst().first == "refs:" else {
        continue
      }
      return words.last.flatMap { Int64($0.filter { $0 != "," }) }
    }
    return nil
  }
}
