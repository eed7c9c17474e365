// SPDX-License-Identifier: MIT

extension FeatureAttention {
  func work(shape: AttentionShape) -> [StageWork] {
    var parts: [StageWork] = []
    if let statistic { parts.append(Self.work(of: statistic, shape: shape)) }
    parts.append(scanWork(shape: shape))
    if let local { parts.append(local.work(shape: shape)) }
    return parts
  }

  private static func work(of statistic: Statistic, shape: AttentionShape) -> StageWork {
    let passes = statistic.passes(shape: shape)
    let bytes = TensorBytes(shape)
    return StageWork(
      name: "statistics of the sequence",
      operations: OperationCounts([
        .float32: passes.products, .exponential: passes.exponentials,
        .elementwise: passes.elementwise,
      ]),
      bytesRead: min(4 * passes.keyRows * shape.headDim, bytes.key)
        + (passes.queryRows > 0 ? bytes.query : 0),
      bytesWritten: 0,
      parallelUnits: shape.batch * shape.keyValueHeads * ((shape.keyLength + 63) / 64))
  }

  private func scanWork(shape: AttentionShape) -> StageWork {
    let (queries, keys) = rows(shape: shape)
    let features = featureDim(shape: shape)
    let bytes = TensorBytes(shape)
    var operations =
      queryMap.operations(rows: queries, inputs: shape.headDim)
      + keyMap.operations(rows: keys, inputs: shape.headDim)
      + OperationCounts([.float32: 2 * (queries + keys) * features * shape.valueDim])
    if case .gates(let steps) = recurrence {
      // Two exponentials per channel: keys rise as queries fall.
      operations =
        operations + steps.operations(rows: keys, inputs: shape.headDim)
        + OperationCounts([.exponential: 2 * keys * features, .elementwise: 3 * keys * features])
    }
    if recurrence == .runningSoftmax {
      operations =
        operations
        + OperationCounts([.exponential: keys * features, .elementwise: 3 * keys * features])
    }
    let outputs = shape.batch * shape.queryHeads * shape.queryLength * shape.valueDim
    switch normalizer {
    case .none: break
    case .sum:
      operations =
        operations
        + OperationCounts([.float32: 2 * (queries + keys) * features, .elementwise: outputs])
    case .marked:
      let marked = keyMap.markedDim(inputs: shape.headDim) ?? features
      operations =
        operations
        + OperationCounts([.float32: 2 * (queries + keys) * marked, .elementwise: outputs])
    case .means:
      operations =
        operations
        + OperationCounts([.elementwise: keys * (features + shape.valueDim) + outputs])
    case .keySums: operations = operations + OperationCounts([.elementwise: keys * features])
    }
    if let outputNorm {
      operations =
        operations + OperationCounts([.elementwise: (outputNorm.isCentred ? 5 : 3) * outputs])
    }
    return StageWork(
      name: "features and state", operations: operations, bytesRead: bytes.inputs,
      bytesWritten: bytes.output,
      parallelUnits: shape.batch * shape.queryHeads * ((shape.queryLength + 63) / 64))
  }

  /// Rows of queries and of keys that are mapped and multiplied, over all heads.
  func rows(shape: AttentionShape) -> (queries: Int, keys: Int) {
    let heads = shape.batch * shape.queryHeads
    guard shape.isCausal else {
      return (heads * shape.queryLength, stateHeads(shape: shape) * shape.keyLength)
    }
    // Where the last query sees the last key, queries before the first key see nothing.
    let seeing =
      shape.causality == .bottomRight
      ? min(shape.queryLength, shape.keyLength) : shape.queryLength
    return (heads * seeing, heads * shape.visibleKeys(query: shape.queryLength - 1))
  }

  /// What an engine must count at `shape`.
  public func expectedCounts(shape: AttentionShape) -> EngineCounts {
    let (queries, keys) = rows(shape: shape)
    let width = shape.headDim
    var counts = EngineCounts()
    counts.exponentials =
      queries * queryMap.exponentials(inputs: width) + keys * keyMap.exponentials(inputs: width)
    let features = featureDim(shape: shape)
    switch recurrence {
    case .gates(let steps):
      counts.exponentials += keys * (steps.exponentials(inputs: width) + 2 * features)
    case .runningSoftmax: counts.exponentials += keys * features
    default: break
    }
    counts.bytesRead = 4 * (keys * (width + shape.valueDim) + queries * width)
    counts.bytesWritten =
      4 * shape.batch * shape.queryHeads * shape.queryLength * shape.valueDim
    if let passes = statistic?.passes(shape: shape) {
      counts.exponentials += passes.exponentials
      counts.bytesRead += 4 * (passes.queryRows + passes.keyRows) * width
    }
    if let local {
      let keyHeads = shape.batch * shape.keyValueHeads
      counts.bytesRead += 4 * shape.batch * shape.queryHeads * shape.keyLength * shape.valueDim
      counts.exponentials += keyHeads * local.exponentials(shape: shape)
    }
    return counts
  }
}
