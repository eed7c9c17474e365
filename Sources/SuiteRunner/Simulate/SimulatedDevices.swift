// SPDX-License-Identifier: MIT

import AttentionCore
import ResultStore
import Simulator

/// A mechanism whose sequence is spread over several devices of one kind.
public struct SimulatedDevices: Encodable, Sendable {
  public let partition: String
  public let devices: Int
  public let link: String
  /// Steps of work on one piece of the keys each.
  public let steps: Int
  public let messagesPerDevice: Int
  /// What one device sends with each message [byte].
  public let bytesPerMessage: Double
  /// Work of one step on the busiest device [s].
  public let workSecondsPerStep: Double
  /// One message, which overlaps the work of a step where the partition allows it [s].
  public let secondsPerMessage: Double
  /// Messages beside which nothing is left to compute [s].
  public let exposedSeconds: Double
  /// Floor of the whole layer [s].
  public let seconds: Double
  public let speedUp: Double
  public let efficiency: Double
  /// What sets the time of a step.
  public let binding: String
  /// The fewest devices at which messages take longer than the work they hide behind.
  public let communicationBindsFrom: Known<Int>
  /// What the link's description lacks; times leave it out.
  public let unpriced: [String]

  /// - Throws: ``SimulatorError`` if the machine has no such link, or the plan cannot be spread so.
  init(_ group: SimulationQuery.DeviceGroup, plan: Plan, on machine: Machine) throws {
    let link = try machine.link(named: group.link)
    let model = try SequenceParallel(
      plan: plan, partition: group.partition, machine: machine, link: link)
    let floor = try model.floor(devices: group.count)
    partition = group.partition.rawValue
    devices = group.count
    self.link = link.name
    steps = floor.steps
    messagesPerDevice = floor.messages
    bytesPerMessage = floor.bytesPerMessage
    workSecondsPerStep = floor.workSeconds
    secondsPerMessage = floor.messageSeconds
    exposedSeconds = floor.exposedSeconds
    seconds = floor.seconds
    speedUp = floor.speedUp
    efficiency = floor.efficiency
    binding = floor.communicationBinds ? "communication" : "work"
    communicationBindsFrom =
      try model.communicationBindsFrom().map { .value($0) }
      ?? .absent(reason: "work takes longer than messages on any number of devices")
    unpriced = link.latency == nil ? ["latency of \(link.name)"] : []
  }
}
