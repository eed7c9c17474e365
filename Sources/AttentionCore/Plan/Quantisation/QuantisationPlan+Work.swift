// SPDX-License-Identifier: MIT

extension QuantisationPlan {
  /// The element types in tables, such as `int8+e4m3 (emulated)`.
  public var name: String {
    let name = key.format.shortName + "+" + value.format.shortName
    return emulatedFormats.isEmpty ? name : name + " (emulated)"
  }

  /// Bytes of keys and values as the products read them.
  func preparedBytes(_ bytes: TensorBytes) -> (key: Int, value: Int, narrow: Int) {
    func stored(_ float: Int, _ format: OperandFormat) -> Int {
      Int((Double(float / 4) * format.bits / 8).rounded(.down))
    }
    let keys = stored(bytes.key, key.format)
    let values = stored(bytes.value, value.format)
    let narrowKeys = key.format == .number(.float32) ? 0 : keys
    let narrowValues = value.format == .number(.float32) ? 0 : values
    return (keys, values, narrowKeys + narrowValues)
  }

  /// Smoothing, rotating and rounding of the three tensors.
  func preparation(shape: AttentionShape) -> [StageWork] {
    let bytes = TensorBytes(shape)
    let prepared = preparedBytes(bytes)
    let (queries, keys, values) = (bytes.query / 4, bytes.key / 4, bytes.value / 4)
    // One multiplication and one rounding per element; a sum and a difference where it is smoothed.
    var operations = 2 * (queries + keys + (value.format == .number(.float32) ? 0 : values))
    if smoothsKeys { operations += 2 * keys }
    if smoothsValues { operations += 2 * values }
    if smoothedQueries != nil { operations += 2 * queries }
    if rotation != nil {
      operations += (queries + keys) * Rotation.block(shape.headDim).trailingZeroBitCount
    }
    let quantise = StageWork(
      name: "quantise keys and values", operations: OperationCounts([.elementwise: operations]),
      bytesRead: bytes.key + bytes.value, bytesWritten: prepared.key + prepared.value,
      narrowBytes: prepared.narrow,
      parallelUnits: shape.batch * shape.keyValueHeads * shape.keyLength)
    guard let group = smoothedQueries else { return [quantise] }
    let heads = shape.batch * shape.queryHeads
    let groups = heads * ((shape.queryLength + group - 1) / group)
    return [
      quantise,
      StageWork(
        name: "score mean queries",
        operations: OperationCounts([.float32: 2 * groups * shape.keyLength * shape.headDim]),
        bytesRead: bytes.key, bytesWritten: 4 * groups * shape.keyLength,
        parallelUnits: groups),
    ]
  }
}

extension Attend {
  /// The quantisation of its operands, where it has one of its own.
  public var quantisation: QuantisationPlan? {
    if case .quantised(let plan) = precision { plan } else { nil }
  }
}

extension Plan {
  /// Formats whose products this project can only emulate; empty where times mean something.
  public var emulatedFormats: [String] {
    for case .attend(let attend) in stages {
      return attend.quantisation?.emulatedFormats ?? []
    }
    return []
  }
}
