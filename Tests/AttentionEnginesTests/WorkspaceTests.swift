// SPDX-License-Identifier: MIT

import AttentionEngines
import Testing

/// What cores read ahead of themselves reaches past the end of their scratch.
@Suite struct WorkspaceTests {
  @Test(arguments: [1, 100, 4096, 300_000])
  func scratchOfWorkersIsFarApart(bytes: Int) {
    let workspace = Workspace(bytesPerWorker: bytes, workers: 3)
    for worker in 1..<3 {
      #expect(workspace[worker] - (workspace[worker - 1] + bytes) >= 16 << 10)
    }
    #expect(workspace.bytes < 3 * (bytes + 128), "gaps are not what the workers use")
  }

  @Test func oneWorkerHasNoGap() {
    #expect(Workspace(bytesPerWorker: 100, workers: 1).stride == 128)
  }
}
