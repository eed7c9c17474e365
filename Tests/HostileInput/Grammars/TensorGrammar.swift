// SPDX-License-Identifier: MIT

import AttentionCore

/// Tensor files whose frame is right and whose header is not.
enum TensorGrammar {
  private static let types = ["<f4", "<f8", "<f2", ">f4", "|i1", "|u1", "<i4", "<i8", "<u2", "|V2"]
  private static let shapes = [
    "(2, 3)", "(6,)", "()", "(0, 4)", "(1, 1, 2, 3)", "(2, 2, 65, 16)", "(-1, 6)", "(6)",
    "(9223372036854775807, 2)", "(4294967296, 4294967296)", "(17179869184,)", "(2, 3,)", "(1e3,)",
  ]

  /// A `.npy` file with a header of the right length.
  static func numpy(_ random: inout SplitMix64) -> [UInt8] {
    let header =
      "{'descr': '\(HostileWords.mostly(types, &random))', "
      + "'fortran_order': \(HostileWords.mostly(["True", "False"], &random)), "
      + "'shape': \(HostileWords.mostly(shapes, &random)), }\n"
    let version = random.integer(below: 8) == 0 ? random.integer(below: 256) : 1
    let count = header.utf8.count
    let length = version == 1 ? little(count, 2) : little(count, 4)
    return [0x93] + Array("NUMPY".utf8) + [UInt8(version), 0] + length + Array(header.utf8)
      + data(&random)
  }

  /// A `.safetensors` file with a header of the right length.
  static func safetensors(_ random: inout SplitMix64) -> [UInt8] {
    let names = ["q", "k", "v", "omega", "../../x", "\\u0000", "a\\\"b"]
    var position = 0
    var members: [String] = []
    for _ in 0...random.integer(below: 3) {
      let size = HostileWords.pick(["16", "0", "24", "8"], &random)
      let end = position &+ (Int(size) ?? 0)
      let type = HostileWords.mostly(["F32", "F16", "BF16", "I8", "F64", "X9"], &random)
      let shape = HostileWords.mostly(["[4]", "[2,2]", "[]", "[0]", "[-1]", "[1,1,2,2]"], &random)
      let offsets = HostileWords.mostly(["[\(position),\(end)]"], &random)
      members.append(
        "\"\(HostileWords.mostly(names, &random))\":{\"dtype\":\"\(type)\",\"shape\":\(shape),"
          + "\"data_offsets\":\(offsets)}")
      position = end
    }
    let header = "{\(members.joined(separator: ","))}"
    let count = [UInt8](repeating: 0, count: min(position, 256))
    return little(header.utf8.count, 8) + Array(header.utf8) + count
  }

  /// A `.npz` file of stored entries with right checksums and one field wrong now and then.
  static func archive(_ random: inout SplitMix64) -> [UInt8] {
    var all: [UInt8] = []
    var directory: [UInt8] = []
    let count = random.integer(below: 4)
    for _ in 0..<count {
      let name = HostileWords.mostly(["q.npy", "omega.npy", "../../x.npy", "a"], &random)
      let contents = numpy(&random)
      let fields = common(contents, &random)
      directory += little(0x0201_4B50, 4) + little(20, 2) + little(20, 2) + fields
      directory += little(name.utf8.count, 2) + little(0, 4) + little(0, 8)
      directory += little(mostly(all.count, &random), 4) + Array(name.utf8)
      all += little(0x0403_4B50, 4) + little(20, 2) + fields + little(name.utf8.count, 2)
      all += little(0, 2) + Array(name.utf8) + contents
    }
    let start = all.count
    all += directory + little(0x0605_4B50, 4) + little(0, 4)
    all += little(count, 2) + little(mostly(count, &random), 2)
    return all + little(mostly(directory.count, &random), 4) + little(mostly(start, &random), 4)
      + little(0, 2)
  }

  private static func common(_ contents: [UInt8], _ random: inout SplitMix64) -> [UInt8] {
    let fields = [
      (mostly(0, &random), 2), (mostly(0, &random), 2), (0, 4),
      (mostly(Int(checksum(contents)), &random), 4), (mostly(contents.count, &random), 4),
      (mostly(contents.count, &random), 4),
    ]
    return fields.flatMap { little($0.0, $0.1) }
  }

  private static func mostly(_ value: Int, _ random: inout SplitMix64) -> Int {
    guard random.integer(below: 24) == 0 else { return value }
    return [0, 1, 8, value + 1, value - 1, 0xFFFF, 0xFFFF_FFFF, 0x7FFF_FFFF][
      random.integer(below: 8)]
  }

  private static func data(_ random: inout SplitMix64) -> [UInt8] {
    let counts = [24, 48, 0, 6, 1, 12, 9000]
    return [UInt8](
      repeating: UInt8(random.integer(below: 128)), count: counts[random.integer(below: 7)])
  }

  static func little(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  /// CRC-32, bit by bit.
  static func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(UInt32.max) { sum, byte in
      (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum >> 1 ^ (sum & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
  }
}
