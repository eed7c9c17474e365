// SPDX-License-Identifier: MIT

/// Softmax attention of few queries to a long key-value cache, the keys split into ranges.
///
/// The cache is prepared ahead of the step: its conversion is no part of the work, and the bytes
/// are those of the cache as it is stored.
public struct Decode: Hashable, Sendable {
  public let keyValuePrecision: DecodePrecision
  /// Ranges of keys; 0 stands for ranges of ``automaticRange`` keys.
  public let splits: Int

  public init(keyValuePrecision: DecodePrecision = .float32, splits: Int = 0) {
    self.keyValuePrecision = keyValuePrecision
    self.splits = splits
  }

  /// Keys of a range that is not asked for: 2 MB of Float32 rows at 128 channels.
  public static let automaticRange = 2048
  /// Ranges begin at multiples of this, where every kind of page does.
  public static let rangeUnit = 64
  /// Most query rows that meet a range together: so often are its keys read from memory once.
  public static let rowsAtOnce = 64

  /// Keys of every range but the last.
  public func rangeLength(keys: Int) -> Int {
    guard splits > 0 else { return Self.automaticRange }
    let length = (keys + splits - 1) / splits
    return (length + Self.rangeUnit - 1) / Self.rangeUnit * Self.rangeUnit
  }

  /// Ranges that `keys` keys make; never more than asked for.
  public func rangeCount(keys: Int) -> Int {
    let length = rangeLength(keys: keys)
    return (keys + length - 1) / length
  }

  func work(shape: AttentionShape) -> [StageWork] {
    let pairs =
      shape.batch * shape.queryHeads * MaskRule.sequence.attendedPairs(shape: shape)
    let bytes = TensorBytes(shape)
    var operations = OperationCounts([.exponential: pairs])
    operations[keyValuePrecision.scoreClass] += 2 * pairs * shape.headDim
    operations[keyValuePrecision.valueClass] += 2 * pairs * shape.valueDim
    let cache =
      shape.batch * shape.keyValueHeads
      * keyValuePrecision.cacheBytes(keys: shape.keyLength, shape: shape)
    let rows = shape.headGroup * shape.queryLength
    let units =
      shape.batch * shape.keyValueHeads * ((rows + Self.rowsAtOnce - 1) / Self.rowsAtOnce)
      * rangeCount(keys: shape.keyLength)
    return [
      StageWork(
        name: "attend", operations: operations, bytesRead: bytes.query + cache,
        bytesWritten: bytes.output, narrowBytes: keyValuePrecision == .float32 ? 0 : cache,
        parallelUnits: units)
    ]
  }

  /// What an engine must count: pairs that the order allows, and per group of rows the queries and
  /// every range that one of them sees.
  public func expectedCounts(shape: AttentionShape) -> EngineCounts {
    let keyValueHeads = shape.batch * shape.keyValueHeads
    let pairs = shape.batch * shape.queryHeads * MaskRule.sequence.attendedPairs(shape: shape)
    let rows = shape.headGroup * shape.queryLength
    var bytes = 4 * rows * shape.headDim
    for first in stride(from: 0, to: rows, by: Self.rowsAtOnce) {
      let last = min(first + Self.rowsAtOnce, rows) - 1
      let seen = shape.visibleKeys(query: last / shape.headGroup)
      bytes += keyValuePrecision.cacheBytes(keys: seen, shape: shape)
    }
    var counts = EngineCounts()
    counts.pairsEvaluated = pairs
    counts.exponentials = pairs
    counts.bytesRead = keyValueHeads * bytes
    counts.bytesWritten = TensorBytes(shape).output
    return counts
  }
}

/// Element type of a key-value cache.
public enum DecodePrecision: String, Hashable, Sendable, Codable, ParameterChoice {
  case float32, bfloat16, int8

  /// The class of the products of queries and keys.
  public var scoreClass: OperationClass {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .int8: .int8
    }
  }

  /// The class of the products of weights and values: bfloat16 values are widened, as weights stay
  /// in Float32.
  public var valueClass: OperationClass {
    switch self {
    case .float32, .bfloat16: .float32
    case .int8: .int8
    }
  }

  /// The short name in tables.
  public var name: String {
    switch self {
    case .float32: "f32"
    case .bfloat16: "kv-bf16"
    case .int8: "kv-int8"
    }
  }

  /// Keys of a page.
  public var pageKeys: Int { self == .int8 ? 64 : 32 }

  /// Bytes of the pages that hold the first `keys` keys of one head, padding and scales included.
  ///
  /// Rows are padded to whole cache lines: keys to 16 Float32, 32 bfloat16 or 64 INT8 elements, values
  /// to 32 elements. An INT8 key brings a Float32 scale; the scales of value channels are read once.
  public func cacheBytes(keys: Int, shape: AttentionShape) -> Int {
    let pages = (keys + pageKeys - 1) / pageKeys
    let values = (shape.valueDim + 31) / 32 * 32
    switch self {
    case .float32:
      return pages * pageKeys * 4 * ((shape.headDim + 15) / 16 * 16 + values)
    case .bfloat16:
      return pages * pageKeys * 2 * ((shape.headDim + 31) / 32 * 32 + values)
    case .int8:
      return pages * pageKeys * (4 + (shape.headDim + 63) / 64 * 64 + values)
    }
  }
}
