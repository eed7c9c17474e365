// SPDX-License-Identifier: MIT

import ResultStore
import Simulator

extension HostCeilings {
  /// The roofs of a described machine, as a picture draws them; rates that are no products are left
  /// out.
  public init(_ machine: Machine) {
    self.init(
      threads: machine.parallelUnits.value,
      compute: RateClass.allCases.filter(\.isProduct).compactMap { kind in
        machine.rates[kind].map {
          Compute(name: kind.rawValue, gigaflopsPerSecond: $0.perSecond.value * 1e-9)
        }
      },
      bandwidth: machine.levels.compactMap { level in
        level.bandwidth.map { Bandwidth(name: level.name, gigabytesPerSecond: $0.value * 1e-9) }
      })
  }
}
