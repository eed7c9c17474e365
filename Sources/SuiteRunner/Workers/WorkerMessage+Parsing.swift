// SPDX-License-Identifier: MIT

import Foundation
import TensorFiles

extension WorkerRequest {
  /// Reads one line.
  ///
  /// - Throws: ``WorkerError/unreadableRequest(_:)``.
  package init(parsing line: Data) throws(WorkerError) {
    do {
      self = try JSONDecoder().decode(Self.self, from: line)
    } catch {
      throw .unreadableRequest(String(decoding: line.prefix(200), as: UTF8.self))
    }
  }
}

extension WorkerReply {
  /// Reads one line; numbers that are none are `inf`, `-inf` and `nan`.
  ///
  /// - Throws: an error of decoding for a line that is no answer.
  package init(parsing line: Data) throws {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    self = try decoder.decode(Self.self, from: line)
  }
}

extension WorkerCase {
  /// The case with the catalogue's mechanism, as this build understands it.
  ///
  /// - Throws: `MechanismError`, ``WorkerRefusal`` for inputs that this build does not know.
  package func specification() throws -> CaseSpecification {
    try CaseSpecification(
      mechanismID: mechanism, overrides: parameters, shape: shape,
      input: try input.specification(), cache: cache ?? .warm)
  }
}

extension WorkerInput {
  fileprivate func specification() throws -> InputSpecification {
    switch self {
    case .generated(let name):
      guard let form = GeneratedInput(rawValue: name) else {
        throw WorkerRefusal.unsupported(reason: "this build knows no input '\(name)'")
      }
      return .generated(form)
    case .captured(let path, let names):
      return try Self.captured(
        names.map { TensorReference(path: path, name: $0) }, layout: .batchHeadsTokens)
    case .tensors(let paths, let names, let layout):
      guard let layout = TensorLayout(rawValue: layout), paths.count == names.count else {
        throw WorkerRefusal.unsupported(reason: "this build knows no layout '\(layout)'")
      }
      return try Self.captured(
        zip(paths, names).map { TensorReference(path: $0, name: $1) }, layout: layout)
    }
  }

  private static func captured(
    _ tensors: [TensorReference], layout: TensorLayout
  ) throws -> InputSpecification {
    guard tensors.count == 3 else {
      throw WorkerRefusal.unsupported(reason: "captured inputs need three names")
    }
    return .captured(
      try CapturedInput(query: tensors[0], key: tensors[1], value: tensors[2], layout: layout))
  }
}
