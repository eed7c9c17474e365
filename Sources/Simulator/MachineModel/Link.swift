// SPDX-License-Identifier: MIT

/// A connection between machines of a group; both directions work at the same time.
public struct Link: Hashable, Sendable, Codable {
  /// The word in tables, such as `NVLink 4`.
  public let name: String
  /// Bytes that one machine sends per second, one direction [byte/s].
  public let bandwidth: Sourced<Double>
  /// Least time of a message of any size [s]; nil where nobody could source it.
  public let latency: Sourced<Double>?

  public init(name: String, bandwidth: Sourced<Double>, latency: Sourced<Double>? = nil) {
    self.name = name
    self.bandwidth = bandwidth
    self.latency = latency
  }

  /// The least time of `messages` that follow each other, each of `bytes` [s].
  ///
  /// A latency that is unknown is left out, so that the time stays a lower bound.
  public func seconds(bytes: Double, messages: Int = 1) -> Double {
    Double(messages) * (bytes / bandwidth.value + (latency?.value ?? 0))
  }
}

extension Machine {
  /// The link `name`, or the first where that is nil.
  ///
  /// - Throws: ``SimulatorError/machineLacks(machine:quantity:)`` where there is none at all,
  ///   ``SimulatorError/unknownLink(name:machine:known:)``.
  public func link(named name: String? = nil) throws(SimulatorError) -> Link {
    guard let first = links.first else {
      throw .machineLacks(machine: id, quantity: "links to other machines in its file")
    }
    guard let name else { return first }
    guard let link = links.first(where: { $0.name.lowercased() == name.lowercased() }) else {
      throw .unknownLink(name: name, machine: id, known: links.map(\.name))
    }
    return link
  }
}
