// SPDX-License-Identifier: MIT

import CFFTW

/// Transforms of real columns in place: `length` numbers become `length / 2 + 1` complex ones.
///
/// The plans serve any 64-byte aligned place with room for the complex numbers.
final class RealFourierPlan: @unchecked Sendable {
  let length: Int
  private let forward: fftwf_plan
  private let backward: fftwf_plan

  /// Floats from one column to the next: complex numbers in whole cache lines, off multiples of 4096
  /// bytes, which share a cache set.
  static func stride(length: Int) -> Int {
    let aligned = (2 * (length / 2 + 1) + 15) & ~15
    return aligned.isMultiple(of: 1024) ? aligned + 16 : aligned
  }

  /// - Throws: ``EngineError/libraryFailure(library:call:)`` if FFTW finds no plan.
  init(length: Int) throws(EngineError) {
    var made: (fftwf_plan, fftwf_plan)?
    FourierPlan.planning {
      let bytes = Self.stride(length: length) * MemoryLayout<Float>.stride
      let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
      defer { memory.deallocate() }
      let real = memory.assumingMemoryBound(to: Float.self)
      let complex = memory.assumingMemoryBound(to: fftwf_complex.self)
      let effort = length <= 32 ? FFTW_ESTIMATE : FFTW_MEASURE
      if let forward = fftwf_plan_dft_r2c_1d(Int32(length), real, complex, effort),
        let backward = fftwf_plan_dft_c2r_1d(Int32(length), complex, real, effort)
      {
        made = (forward, backward)
      }
    }
    guard let made else {
      throw .libraryFailure(library: "FFTW", call: "fftwf_plan_dft_r2c_1d of length \(length)")
    }
    self.length = length
    (forward, backward) = made
  }

  deinit {
    FourierPlan.planning {
      fftwf_destroy_plan(forward)
      fftwf_destroy_plan(backward)
    }
  }

  func transform(_ column: UnsafeMutablePointer<Float>) {
    fftwf_execute_dft_r2c(
      forward, column, UnsafeMutableRawPointer(column).assumingMemoryBound(to: fftwf_complex.self))
  }

  /// The inverse, times the length.
  func restore(_ column: UnsafeMutablePointer<Float>) {
    fftwf_execute_dft_c2r(
      backward, UnsafeMutableRawPointer(column).assumingMemoryBound(to: fftwf_complex.self),
      column)
  }
}
