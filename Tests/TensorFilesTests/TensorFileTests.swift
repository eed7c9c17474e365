// SPDX-License-Identifier: MIT

import Foundation
import TensorFiles
import Testing

/// Files on disk.
struct TensorFileTests {
  private let tensor: StoredTensor

  init() throws {
    tensor = try StoredTensor(extents: [2, 3], elements: [Float(0), 1, 2, 3, 4, 5])
  }

  @Test func theFormatIsToldByTheContents() throws {
    try withFolder { folder in
      // The names say nothing on purpose.
      try NumpyArray.write(tensor, to: folder + "/a")
      try NumpyArchive.write([("q", tensor)], to: folder + "/b", compression: .deflated)
      try NumpyArchive.write([("q", tensor), ("k", tensor)], to: folder + "/c")
      let json = "{\"q\":{\"dtype\":\"U8\",\"shape\":[6],\"data_offsets\":[0,6]}}"
      try Data(safetensors(json, [0, 1, 2, 3, 4, 5])).write(
        to: URL(fileURLWithPath: folder + "/d"))
      for name in ["a", "b", "d"] {
        #expect(try TensorFile.read(path: folder + "/" + name).floats() == [0, 1, 2, 3, 4, 5])
      }
      #expect(try TensorFile.read(path: folder + "/c", name: "k").extents == [2, 3])
      #expect(try TensorFile.archive(path: folder + "/c").names == ["q", "k"])
      #expect(
        failure { () throws(TensorFileError) in try TensorFile.read(path: folder + "/c") }
          == .arrayNameNeeded(file: folder + "/c", available: ["q", "k"]))
      #expect(
        failure { () throws(TensorFileError) in
          try TensorFile.read(path: folder + "/a", name: "q")
        } == .missingArray(file: folder + "/a", name: "q", available: []))
    }
  }

  @Test func whatIsNoTensorFileIsRefused() throws {
    try withFolder { folder in
      let text = folder + "/text"
      try Data("plain text".utf8).write(to: URL(fileURLWithPath: text))
      func error(_ path: String) -> TensorFileError? {
        failure { () throws(TensorFileError) in try TensorFile.read(path: path) }
      }
      #expect(error(text) == .unknownFormat(file: text, firstBytes: Array("plain tex".utf8)))
      #expect(error(folder) == .notARegularFile(file: folder))
      #expect(
        error(folder + "/none")?.description
          == "\(folder)/none: cannot be opened: No such file or directory")
      // Opening a pipe that nobody writes to must not wait.
      #expect(mkfifo(folder + "/pipe", 0o600) == 0)
      #expect(error(folder + "/pipe") == .notARegularFile(file: folder + "/pipe"))
    }
  }

  @Test func writingReplacesTheWholeFileOrNothing() throws {
    try withFolder { folder in
      let path = folder + "/a.npz"
      func contents() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      }
      try NumpyArchive.write([("q", tensor)], to: path)
      let before = try Data(contentsOf: URL(fileURLWithPath: path))
      #expect(
        failure { () throws(TensorFileError) in
          try NumpyArchive.write([("q", tensor), ("q", tensor)], to: path)
        } == .duplicateArray(file: path, name: "q"))
      #expect(
        failure { () throws(TensorFileError) in
          try NumpyArchive.write([("", tensor)], to: path)
        } == .unusableArrayName(file: path, name: ""))
      // A write that is given up half way.
      var unfinished: AtomicFile? = try AtomicFile(path: path)
      try unfinished?.append([1, 2, 3])
      #expect(try contents().count == 2)
      unfinished = nil
      #expect(try contents() == ["a.npz"])
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
      try NumpyArray.write(tensor, to: path)
      #expect(try contents() == ["a.npz"])
      #expect(try TensorFile.read(path: path).extents == [2, 3])
    }
  }

  @Test func writingRefusesWhatIsNoFile() throws {
    try withFolder { folder throws in
      func error(_ path: String) -> TensorFileError? {
        failure { () throws(TensorFileError) in try NumpyArray.write(tensor, to: path) }
      }
      #expect(
        error(folder)
          == .cannotWrite(file: folder, reason: "it exists and is not a regular file"))
      #expect(
        error(folder + "/none/a.npy")
          == .cannotWrite(file: folder + "/none/a.npy", reason: "No such file or directory"))
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
    }
  }

  @Test func writingFollowsALinkAndKeepsPermissions() throws {
    try withFolder { folder in
      try NumpyArray.write(tensor, to: folder + "/real.npy")
      #expect(chmod(folder + "/real.npy", 0o640) == 0)
      #expect(symlink("real.npy", folder + "/link.npy") == 0)
      let other = try StoredTensor(extents: [1], elements: [Int8(1)])
      try NumpyArray.write(other, to: folder + "/link.npy")
      #expect(try TensorFile.read(path: folder + "/real.npy").elementType == .int8)
      var status = stat()
      #expect(lstat(folder + "/link.npy", &status) == 0)
      #expect(status.st_mode & S_IFMT == S_IFLNK)
      #expect(stat(folder + "/real.npy", &status) == 0)
      #expect(status.st_mode & 0o777 == 0o640)
    }
  }

  @Test func aFileThatIsCutShortOnDiskIsRefused() throws {
    try withFolder { folder in
      let path = folder + "/a.npy"
      try NumpyArray.write(tensor, to: path)
      #expect(truncate(path, 150) == 0)
      #expect(
        failure { () throws(TensorFileError) in try TensorFile.read(path: path) }
          == .truncated(file: path, expectedBytes: 152, foundBytes: 150))
    }
  }
}
