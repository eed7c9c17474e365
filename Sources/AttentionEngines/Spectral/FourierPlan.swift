// SPDX-License-Identifier: MIT

import CFFTW
import Synchronization

/// One complex number as FFTW lays it out.
typealias ComplexPair = SIMD2<Float>

/// A complex Fourier transform of fixed length from one place to another, unscaled.
///
/// The plan serves any two 64-byte aligned places. The planner times candidates, and keeps what it
/// learnt: within a process a length has one plan, between processes rounding may differ.
final class FourierPlan: @unchecked Sendable {
  enum Direction {
    case forward
    case backward
  }

  let length: Int
  private let plan: fftwf_plan

  // The planner of FFTW has global state; only execution may run concurrently.
  private static let planner = Mutex(())

  /// Runs `body` while nobody else plans.
  static func planning(_ body: () -> Void) {
    planner.withLock { _ in body() }
  }

  /// - Throws: ``EngineError/libraryFailure(library:call:)`` if FFTW finds no plan.
  init(length: Int, direction: Direction) throws(EngineError) {
    let made = Self.planner.withLock { _ -> FoundPlan? in
      let bytes = length * MemoryLayout<ComplexPair>.stride
      let input = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
      let output = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
      defer {
        input.deallocate()
        output.deallocate()
      }
      // Timing candidates for a tiny transform costs more than it can save.
      let effort = length <= 32 ? FFTW_ESTIMATE : FFTW_MEASURE
      return fftwf_plan_dft_1d(
        Int32(length), input.assumingMemoryBound(to: fftwf_complex.self),
        output.assumingMemoryBound(to: fftwf_complex.self),
        direction == .forward ? FFTW_FORWARD : FFTW_BACKWARD, effort | FFTW_DESTROY_INPUT
      ).map(FoundPlan.init)
    }
    guard let made else {
      throw .libraryFailure(library: "FFTW", call: "fftwf_plan_dft_1d of length \(length)")
    }
    self.length = length
    plan = made.plan
  }

  deinit {
    Self.planner.withLock { _ in fftwf_destroy_plan(plan) }
  }

  /// Transforms `length` numbers; the input is lost.
  ///
  /// - Requires: both places are 64-byte aligned and do not overlap.
  func execute(
    _ input: UnsafeMutablePointer<ComplexPair>, into output: UnsafeMutablePointer<ComplexPair>
  ) {
    fftwf_execute_dft(
      plan, UnsafeMutableRawPointer(input).assumingMemoryBound(to: fftwf_complex.self),
      UnsafeMutableRawPointer(output).assumingMemoryBound(to: fftwf_complex.self))
  }

  /// Carries a new plan out of the planner's lock.
  private struct FoundPlan: @unchecked Sendable {
    let plan: fftwf_plan
  }
}
