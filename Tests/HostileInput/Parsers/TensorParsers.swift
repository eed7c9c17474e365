// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionMechanisms
import TensorFiles

/// Tensors and weights that users bring along.
enum TensorParsers {
  static let numpy = HostileParser(
    "npy", corpus: arrays + Corpus.kept("npy"), vocabulary: words, generate: TensorGrammar.numpy
  ) { bytes in
    _ = try NumpyArray.read(bytes: bytes, file: "a.npy").floats()
  }

  static let archive = HostileParser(
    "npz", corpus: archives + Corpus.kept("npz"), vocabulary: words,
    generate: TensorGrammar.archive
  ) { bytes in
    let archive = try NumpyArchive(bytes: bytes, file: "a.npz")
    for name in archive.names { _ = try archive.tensor(name).doubles() }
  }

  static let safetensors = HostileParser(
    "safetensors", corpus: Corpus.kept("safetensors") + [header],
    vocabulary: ["dtype", "shape", "data_offsets", "__metadata__", "F32", "I8"],
    generate: TensorGrammar.safetensors
  ) { bytes in
    let archive = try SafetensorsArchive(bytes: bytes, file: "m.safetensors")
    for name in archive.names { _ = try archive.tensor(name).floats() }
  }

  /// Weights as `apply` takes them: their extents decide about parameters.
  static let weights = HostileParser(
    "weights", corpus: archives + Corpus.kept("weights"), vocabulary: words,
    generate: TensorGrammar.archive
  ) { bytes in
    let archive = try NumpyArchive(bytes: bytes, file: "w.npz")
    var extents: [String: [Int]] = [:]
    for name in archive.names { extents[name] = try archive.tensor(name).extents }
    let shape = try AttentionShape(queryLength: 64, headDim: 16)
    for id in ["performer", "fftnet", "linear"] {
      let entry = try MechanismCatalogue.entry(id)
      let mechanism = try entry.make(entry.impliedOverrides(extents), shape: shape)
      _ = mechanism.weightSpecifications.map(\.extents)
    }
  }

  private static let words = ["descr", "fortran_order", "shape", "True", "False", "<f4", "q.npy"]

  private static let tensors: [StoredTensor] = [
    try? StoredTensor(extents: [2, 3], elements: [Float](repeating: 1, count: 6)),
    try? StoredTensor(extents: [40], elements: [Int32](repeating: 7, count: 40)),
    try? StoredTensor(extents: [32, 16], elements: [Float](repeating: 0.5, count: 512)),
  ].compactMap { $0 }

  private static let arrays: [[UInt8]] = tensors.flatMap { tensor in
    NumpyVersion.allCases.map { NumpyArray.encode(tensor, version: $0) }
  }

  private static let archives: [[UInt8]] = ArchiveCompression.allCases.flatMap { compression in
    [["a", "b"], ["omega", "projection"]].compactMap { names in
      try? NumpyArchive.encode(
        [(names[0], tensors[2]), (names[1], tensors[0])], compression: compression)
    }
  }

  private static let header: [UInt8] = {
    let json = """
      {"__metadata__":{"a":"b\\u00e9"},"q":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},\
      "k":{"dtype":"I8","shape":[3],"data_offsets":[16,19]}}
      """
    return TensorGrammar.little(json.utf8.count, 8) + Array(json.utf8)
      + [UInt8](repeating: 0, count: 19)
  }()
}
