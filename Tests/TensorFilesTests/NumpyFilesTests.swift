// SPDX-License-Identifier: MIT

import TensorFiles
import Testing

/// Files that NumPy 2.4 wrote, kept byte for byte.
struct NumpyFilesTests {
  @Test func aBigEndianFortranArrayIsRead() throws {
    // numpy.save(f, numpy.asfortranarray(numpy.arange(24, dtype='>f8').reshape(2, 3, 4)))
    let bytes = decoded(
      """
      k05VTVBZAQB2AHsnZGVzY3InOiAnPmY4JywgJ2ZvcnRyYW5fb3JkZXInOiBUcnVlLCAnc2hhcGUnOiAoMiwgMywg\
      NCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAA\
      AAAAAEAoAAAAAAAAQBAAAAAAAABAMAAAAAAAAEAgAAAAAAAAQDQAAAAAAAA/8AAAAAAAAEAqAAAAAAAAQBQAAAAA\
      AABAMQAAAAAAAEAiAAAAAAAAQDUAAAAAAABAAAAAAAAAAEAsAAAAAAAAQBgAAAAAAABAMgAAAAAAAEAkAAAAAAAA\
      QDYAAAAAAABACAAAAAAAAEAuAAAAAAAAQBwAAAAAAABAMwAAAAAAAEAmAAAAAAAAQDcAAAAAAAA=
      """)
    let tensor = try NumpyArray.read(bytes: bytes, file: "f.npy")
    #expect(tensor.extents == [2, 3, 4])
    #expect(tensor.elementType == .float64)
    #expect(try tensor.doubles() == (0..<24).map(Double.init))
  }

  @Test func aCompressedArchiveIsRead() throws {
    // numpy.savez_compressed(f, q=arange(6, '<f4').reshape(2, 3), mask=array([1, -2], '<i8'))
    let archive = try NumpyArchive(bytes: Self.compressed, file: "z.npz")
    #expect(archive.names == ["q", "mask"])
    #expect(try archive.tensor("q").expect(extents: [2, 3]).floats() == [0, 1, 2, 3, 4, 5])
    #expect(try archive.tensor("mask").integers() == [1, -2])
  }

  @Test func aStoredArchiveIsReadAndWrittenAgain() throws {
    // numpy.savez(f, q=numpy.arange(3, dtype='<f2'))
    let bytes = decoded(
      """
      UEsDBC0AAAAAAAAAIQDtgI1B//////////8FABQAcS5ucHkBABAAhgAAAAAAAACGAAAAAAAAAJNOVU1QWQEAdgB7\
      J2Rlc2NyJzogJzxmMicsICdmb3J0cmFuX29yZGVyJzogRmFsc2UsICdzaGFwZSc6ICgzLCksIH0gICAgICAgICAg\
      ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAKAAAAPABAUEsBAi0DLQAA\
      AAAAAAAhAO2AjUGGAAAAhgAAAAUAAAAAAAAAAAAAAIABAAAAAHEubnB5UEsFBgAAAAABAAEAMwAAAL0AAAAAAA==
      """)
    let tensor = try NumpyArchive(bytes: bytes, file: "s.npz").tensor("q")
    #expect(try tensor.elements(as: Float16.self) == [0, 1, 2])
    // The 134 bytes of the entry are what this library writes, down to the padding.
    #expect(Array(bytes[55..<189]) == NumpyArray.encode(tensor))
  }

  @Test func version3IsRead() throws {
    // numpy.lib.format.write_array(f, numpy.arange(4, dtype='<i4'), version=(3, 0))
    let bytes = decoded(
      """
      k05VTVBZAwB0AAAAeydkZXNjcic6ICc8aTQnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoNCwp\
      LCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAA\
      AQAAAAIAAAADAAAA
      """)
    let tensor = try NumpyArray.read(bytes: bytes, file: "3.npy")
    #expect(try tensor.integers() == [0, 1, 2, 3])
    #expect(NumpyArray.encode(tensor, version: .three) == bytes)
  }

  static let compressed = decoded(
    """
    UEsDBC0AAAAIAAAAIQBP6QAq//////////8FABQAcS5ucHkBABAAmAAAAAAAAABVAAAAAAAAAJvsF+obEMnIUMZQ\
    rZ6SWpxcpG6loG6TZqKuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6CsaaOgq1CmQDLgYwaLAHEg5A\
    BMQNQLzAAQBQSwMELQAAAAgAAAAhAJr79SP//////////wgAFABtYXNrLm5weQEAEACQAAAAAAAAAEsAAAAAAAAA\
    m+wX6hsQychQxlCtnpJanFykbqWgbpNpoa6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaRjqaOgq1ChQA\
    LkYGCPj3HwIAUEsBAi0DLQAAAAgAAAAhAE/pACpVAAAAmAAAAAUAAAAAAAAAAAAAAIABAAAAAHEubnB5UEsBAi0D\
    LQAAAAgAAAAhAJr79SNLAAAAkAAAAAgAAAAAAAAAAAAAAIABjAAAAG1hc2subnB5UEsFBgAAAAACAAIAaQAAABEB\
    AAAAAA==
    """)
}
