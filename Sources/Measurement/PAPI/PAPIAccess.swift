// SPDX-License-Identifier: MIT

import CPAPI

/// The calls of PAPI that the counter sources need; a test puts its own in place.
///
/// Codes are PAPI's: 0 is success, negative numbers are errors.
public protocol PAPIAccess {
  /// Initialises the library once; 0 or an error code.
  func initialise() -> Int32
  /// The component that counts `event`, or an error code.
  func component(of event: String) -> Int32
  /// Makes an empty event set and stores its handle; its counters belong to the calling thread.
  func createSet(_ set: inout Int32) -> Int32
  /// Binds an empty set to a component and lets its events share registers.
  func multiplex(_ set: Int32, component: Int32) -> Int32
  func add(_ event: String, to set: Int32) -> Int32
  func start(_ set: Int32) -> Int32
  /// Stops the set and stores one value per event.
  func stop(_ set: Int32, into values: inout [Int64]) -> Int32
  /// Empties the set and gives it back.
  func destroy(_ set: Int32)
  /// What the library says about an error code.
  func text(of code: Int32) -> String
}

/// The PAPI library that the program is linked with.
public struct PAPILibrary: PAPIAccess, Sendable {
  // Initialisation is per process and not safe to run twice at once; a constant runs it once.
  private static let status: Int32 = cpapi_initialise()
  private static let multiplexStatus: Int32 = PAPI_multiplex_init()

  public init() {}

  public func initialise() -> Int32 { min(Self.status, 0) }

  public func component(of event: String) -> Int32 { cpapi_component_of(event) }

  public func createSet(_ set: inout Int32) -> Int32 {
    set = PAPI_NULL
    return PAPI_create_eventset(&set)
  }

  public func multiplex(_ set: Int32, component: Int32) -> Int32 {
    guard Self.multiplexStatus == PAPI_OK else { return Self.multiplexStatus }
    let code = PAPI_assign_eventset_component(set, component)
    return code == PAPI_OK ? PAPI_set_multiplex(set) : code
  }

  public func add(_ event: String, to set: Int32) -> Int32 { PAPI_add_named_event(set, event) }

  public func start(_ set: Int32) -> Int32 { PAPI_start(set) }

  public func stop(_ set: Int32, into values: inout [Int64]) -> Int32 {
    PAPI_stop(set, &values)
  }

  public func destroy(_ set: Int32) {
    var handle = set
    _ = PAPI_cleanup_eventset(set)
    _ = PAPI_destroy_eventset(&handle)
  }

  public func text(of code: Int32) -> String {
    PAPI_strerror(code).map { String(cString: $0) } ?? "error \(code)"
  }
}
