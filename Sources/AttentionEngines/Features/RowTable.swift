// SPDX-License-Identifier: MIT

import AttentionCore
import CAttentionKernels
import RealModule

/// What a step of a feature map points to: weights as the kernels take them, or tables of places.
///
/// `first` and `second` have one part per weight head, or one for all.
struct RowTable {
  private(set) var first: Tensor<Float>?
  private(set) var second: Tensor<Float>?
  private var part = 0
  private var secondPart = 0

  init(_ step: RowOperation, width: Int, places: PlaceTables, weights: WeightSet) {
    switch step {
    case .project(let weight, let bias, let out):
      first = Self.packed(weights[weight], width: width, out: out)
      part = attn_row_matrix_floats(Int32(width), Int32(out))
      if let bias {
        second = Self.padded(weights[bias], width: out)
        secondPart = Int(attn_row_padded(Int32(out)))
      }
    case .channels(let weight, let inverseSoftplus):
      let rows = Self.padded(weights[weight], width: width)
      if inverseSoftplus {
        for index in 0..<rows.count {
          rows[index] = Float(1 / Double.log(onePlus: Double.exp(Double(rows[index]))))
        }
      }
      first = rows
      part = Int(attn_row_padded(Int32(width)))
    case .rotate(let rotation):
      first = places.rotation(rotation, width: width)
    case .quarterWave:
      (first, second) = places.quarterWave()
    case .lengthPower(let weight, false):
      first = places.powers(weights[weight])
      part = places.count
    case .lengthPower(let weight, true):
      first = weights[weight]
    default: break
    }
  }

  var tensors: [Tensor<Float>] { [first, second].compactMap { $0 } }

  func first(head: Int) -> UnsafePointer<Float>? { Self.part(head, of: first, size: part) }

  func second(head: Int) -> UnsafePointer<Float>? { Self.part(head, of: second, size: secondPart) }

  private static func packed(_ matrices: Tensor<Float>, width: Int, out: Int) -> Tensor<Float> {
    let heads = matrices.count / (width * out)
    let size = attn_row_matrix_floats(Int32(width), Int32(out))
    let result = Tensor<Float>([heads, size])
    for head in 0..<heads {
      attn_row_pack(
        matrices.base + head * width * out, Int32(width), Int32(out), result.base + head * size)
    }
    return result
  }

  private static func padded(_ rows: Tensor<Float>, width: Int) -> Tensor<Float> {
    let count = rows.count / width
    let size = Int(attn_row_padded(Int32(width)))
    let result = Tensor<Float>([count, size])
    result.elements.update(repeating: 0)
    for row in 0..<count {
      (result.base + row * size).update(from: rows.base + row * width, count: width)
    }
    return result
  }

  /// The part of a head; a tensor of one part serves all heads.
  private static func part(
    _ head: Int, of tensor: Tensor<Float>?, size: Int
  ) -> UnsafePointer<Float>? {
    guard let tensor else { return nil }
    guard size > 0 else { return UnsafePointer(tensor.base) }
    return UnsafePointer(tensor.base + head % (tensor.count / size) * size)
  }
}
