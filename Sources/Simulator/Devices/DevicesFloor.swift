// SPDX-License-Identifier: MIT

/// The least time of one attention layer whose sequence is spread over several devices.
///
/// The work of a step and the messages that prepare the next one overlap where the partition allows
/// it; all devices keep step. Queries and outputs stay where they are and are not counted.
public struct DevicesFloor: Hashable, Sendable, Codable {
  public let devices: Int
  /// Steps of work, each on one piece of the keys.
  public let steps: Int
  /// Messages that one device sends, one after the other.
  public let messages: Int
  /// What one device sends with each message [byte].
  public let bytesPerMessage: Double
  /// Work before the first message, such as quantising the own piece [s].
  public let preparationSeconds: Double
  /// Work of one step on the busiest device [s].
  public let workSeconds: Double
  /// Work of the first step, which may be smaller [s].
  public let firstWorkSeconds: Double
  /// One message [s].
  public let messageSeconds: Double
  /// Whether messages run beside the work of a step.
  public let overlaps: Bool
  /// The whole problem on one device [s].
  public let oneDeviceSeconds: Double

  /// The least time of the whole layer [s].
  public var seconds: Double { busySeconds + exposedSeconds }

  /// Time in which the busiest device works [s].
  public var busySeconds: Double {
    preparationSeconds + firstWorkSeconds + Double(steps - 1) * workSeconds
  }

  /// Time in which devices only wait for messages [s].
  public var exposedSeconds: Double {
    guard messages > 0 else { return 0 }
    guard overlaps else { return Double(messages) * messageSeconds }
    // The messages of one step are spread over as many steps of work as there are to cover them.
    guard steps > 1 else { return max(Double(messages) * messageSeconds - firstWorkSeconds, 0) }
    return max(messageSeconds - firstWorkSeconds, 0)
      + Double(messages - 1) * max(messageSeconds - workSeconds, 0)
  }

  /// Whether messages take longer than the work that they are to hide behind.
  public var communicationBinds: Bool {
    let stepMessages = overlaps && steps > 1 ? 1.0 : Double(messages)
    return stepMessages * messageSeconds > workSeconds
  }

  /// Time on one device over time on all.
  public var speedUp: Double { oneDeviceSeconds / seconds }

  /// Share of the devices' time that one device alone would need.
  public var efficiency: Double { speedUp / Double(devices) }
}
