// SPDX-License-Identifier: MIT

/// A count that the program keeps itself and publishes through PAPI.
public struct SoftwareEvent: Hashable, Sendable {
  /// Lower-case words joined by underscores; the last part of the PAPI event name.
  public let name: String
  public let unit: String
  /// What is counted, in one sentence.
  public let summary: String

  public init(name: String, unit: String, summary: String) {
    self.name = name
    self.unit = unit
    self.summary = summary
  }

  /// The counts of the engines.
  public static let engine: [Self] = [
    Self(name: "tiles_visited", unit: "tiles", summary: "Key-value tiles that kernels visited"),
    Self(name: "pairs_evaluated", unit: "pairs", summary: "Query-key pairs in visited tiles"),
    Self(name: "exponentials", unit: "operations", summary: "Exponentials evaluated"),
    Self(name: "products_float32", unit: "flops", summary: "Float32 product operations"),
    Self(name: "products_bfloat16", unit: "flops", summary: "Bfloat16 product operations"),
    Self(name: "products_int8", unit: "operations", summary: "8-bit integer product operations"),
    Self(name: "bytes_read", unit: "bytes", summary: "Bytes that the plan reads"),
    Self(name: "bytes_written", unit: "bytes", summary: "Bytes that the plan writes"),
    Self(name: "elements_sorted", unit: "elements", summary: "Elements that selections compared"),
    Self(name: "elements_gathered", unit: "elements", summary: "Elements gathered by index"),
  ]
}
