// SPDX-License-Identifier: MIT

import Foundation
import TensorFiles

/// The lowest `count` bytes of `value`, lowest first.
func little(_ value: Int, _ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}

/// The memory of `values`, as little-endian machines hold it.
func memory<Element: BitwiseCopyable>(_ values: [Element]) -> [UInt8] {
  values.withUnsafeBytes { Array($0) }
}

/// A `.npy` file made by hand.
func npy(_ header: String, _ payload: [UInt8] = [], version: UInt8 = 1) -> [UInt8] {
  let length = little(header.utf8.count, version == 1 ? 2 : 4)
  return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + Array(header.utf8) + payload
}

/// A `.npy` header.
func header(_ descriptor: String, _ shape: String, isFortranOrder: Bool = false) -> String {
  "{'descr': '\(descriptor)', 'fortran_order': \(isFortranOrder ? "True" : "False"), "
    + "'shape': \(shape), }\n"
}

/// A `.safetensors` file made by hand.
func safetensors(_ json: String, _ payload: [UInt8] = []) -> [UInt8] {
  little(json.utf8.count, 8) + Array(json.utf8) + payload
}

func decoded(_ base64: String) -> [UInt8] {
  Data(base64Encoded: base64).map { [UInt8]($0) } ?? []
}

/// The error that `body` throws.
func failure<Value>(_ body: () throws(TensorFileError) -> Value) -> TensorFileError? {
  do {
    _ = try body()
    return nil
  } catch {
    return error
  }
}

/// A folder that exists while `body` runs.
func withFolder<Value>(_ body: (String) throws -> Value) throws -> Value {
  let folder = FileManager.default.temporaryDirectory
    .appendingPathComponent("attnbench-tests-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder.path)
}

/// Seeded random numbers, so that a failing input can be made again.
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
