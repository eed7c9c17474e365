// SPDX-License-Identifier: MIT

/// The element type of a `.npy` file with its byte order.
struct NumpyElement {
  let type: ElementType
  let isBigEndian: Bool

  /// Reads a descriptor such as `<f4`: byte order, kind, bytes.
  init(
    descriptor: String, file: String, options: TensorReadOptions
  ) throws(TensorFileError) {
    let order = descriptor.first
    let code = String(descriptor.dropFirst())
    if code.hasPrefix("O") || descriptor == "O" { throw .objectArray(file: file) }
    guard let order, "<>=|".contains(order) else {
      throw .unknownElementType(file: file, name: descriptor)
    }
    if code == "u2" || code == "V2" {
      guard options.readsUInt16AsBFloat16 else {
        throw .undeclaredBFloat16(file: file, name: descriptor)
      }
      type = .bfloat16
    } else {
      // Only single bytes have no order.
      guard let known = Self.codes[code], order != "|" || known.size == 1 else {
        throw .unknownElementType(file: file, name: descriptor)
      }
      type = known
    }
    isBigEndian = order == ">"
  }

  private static let codes: [String: ElementType] = [
    "f2": .float16, "f4": .float32, "f8": .float64,
    "i1": .int8, "u1": .uint8, "i4": .int32, "i8": .int64,
  ]

  /// The descriptor that is written for a type.
  static func descriptor(of type: ElementType) -> String {
    switch type {
    case .float16: "<f2"
    case .float32: "<f4"
    case .float64: "<f8"
    case .bfloat16: "<u2"
    case .int8: "|i1"
    case .uint8: "|u1"
    case .int32: "<i4"
    case .int64: "<i8"
    }
  }
}
