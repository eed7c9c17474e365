// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionEngines
import AttentionReference
import Testing

/// The quantiser library against its definition in Double, bit for bit, in every kernel table.
@Suite struct QuantiserTests {
  static let formats: [NumberFormat] = [.bfloat16, .float16, .e5m2, .e4m3, .e2m1, .int8, .int4]

  /// Every number of a format, every middle between two neighbours, and the floats next to those.
  private func hardCases(_ reference: NumberReference) -> [Float] {
    var cases: [Float] = []
    for (index, magnitude) in reference.magnitudes.enumerated() {
      let number = Float(magnitude)
      // Factors are finite only above 2^-100, and so are products.
      guard number == 0 || number > 0x1p-99 && number < 0x1p99 else { continue }
      cases += [number, number.nextUp]
      if number > 0 { cases.append(number.nextDown) }
      guard index + 1 < reference.magnitudes.count else { continue }
      let middle = Float((magnitude + reference.magnitudes[index + 1]) / 2)
      cases += [middle, middle.nextUp, middle.nextDown]
    }
    if let last = reference.magnitudes.last, last < 0x1p99 {
      cases += [Float(last) * 1.5, Float(last) * 1000]
    }
    return cases + cases.map { -$0 }
  }

  @Test(arguments: formats, [RoundingRule.even, .away])
  func everyEncodingAndEveryTieIsRoundedAsDefined(format: NumberFormat, rule: RoundingRule) {
    let reference = NumberReference(format)
    let cases = hardCases(reference)
    let expected = cases.map { Float(reference.nearest(Double($0), rule)) }
    for table in KernelTable.available {
      let rounded = Quantiser(table, rounding: rule).round(cases, to: format)
      let wrong = cases.indices.filter { rounded[$0] != expected[$0] }
      #expect(
        wrong.isEmpty,
        "\(table.instructionSet): \(wrong.prefix(3).map { (cases[$0], rounded[$0], expected[$0]) })"
      )
    }
  }

  @Test(arguments: formats)
  func numbersStayAsTheyAre(format: NumberFormat) {
    let numbers = NumberReference(format).magnitudes.map { Float($0) }.filter {
      $0 == 0 || $0 > 0x1p-99 && $0 < 0x1p99
    }
    for table in KernelTable.available {
      #expect(Quantiser(table).round(numbers, to: format) == numbers)
    }
  }

  @Test func formatsHaveTheNumbersOfTheirDefinitions() {
    #expect(NumberReference(.e2m1).magnitudes == [0, 0.5, 1, 1.5, 2, 3, 4, 6])
    #expect(NumberReference(.e4m3).magnitudes.last == 448)
    #expect(NumberReference(.e4m3).magnitudes[1] == 0x1p-9)
    #expect(NumberReference(.e5m2).magnitudes.last == 57344)
    #expect(NumberReference(.float16).magnitudes.last == 65504)
  }

  /// Numbers of widely differing magnitudes, with exact zeros among them.
  private func random(_ count: Int, seed: Int) -> [Float] {
    var generator = SplitMix64(seed: Seed(UInt64(seed)))
    return (0..<count).map { _ in
      let exponent = Int(generator.next() % 41) - 20
      let x = generator.normal() * Float(sign: .plus, exponent: exponent, significand: 1)
      return generator.next() % 17 == 0 ? 0 : x
    }
  }

  static let operandFormats: [OperandFormat] =
    [.micro(.nvfp4), .micro(.mxfp4)] + formats.map { .number($0) }

  @Test(
    arguments: operandFormats, [ScaleGroup.tensor, .block, .thread, .token, .channel])
  func tensorsAreQuantisedAsDefinedInEveryGranularity(format: OperandFormat, group: ScaleGroup) {
    for (rows, width) in [(1, 1), (37, 40), (130, 64), (200, 31)] {
      let values = random(rows * width, seed: rows)
      var matrix = Rows(count: rows, width: width)
      matrix.values = values.map(Double.init)
      let rule = OperandRule(format, group: group, block: 48)
      for rounding in [RoundingRule.even, .away] {
        for isQuery in [false, true] where group != .channel || !isQuery {
          let expected = QuantiserReference.quantise(
            matrix, rule, rounding: rounding, isQuery: isQuery, alongTokens: group == .channel)
          for table in KernelTable.available {
            let quantiser = Quantiser(table, rounding: rounding)
            var numbers = values
            let size = max(rows, width)
            var scales = [Float](repeating: .nan, count: size)
            var scratch = [Float](repeating: .nan, count: 2 * size)
            if group == .channel {
              quantiser.roundValues(
                &numbers, rows: rows, width: width, rule: rule, scales: &scales, scratch: &scratch)
              #expect(expected.columnScales == scales.prefix(width).map(Double.init))
            } else {
              quantiser.roundTokens(
                &numbers, rows: rows, width: width, rule: rule, isQuery: isQuery, scales: &scales,
                largest: &scratch)
              #expect(expected.rowScales == scales.prefix(rows).map(Double.init))
            }
            #expect(expected.numbers.values == numbers.map(Double.init), "\(table.instructionSet)")
          }
        }
      }
    }
  }

  @Test(arguments: [2, 4, 8], [RoundingRule.even, .away])
  func asymmetricCodesSpanTheExtremes(bits: Int, rounding: RoundingRule) {
    for seed in 0..<20 {
      let values = random(1 + 13 * seed, seed: seed)
      let expected = QuantiserReference.asymmetric(values, bits: bits, rounding: rounding)
      for table in KernelTable.available {
        let (codes, scale, low) = Quantiser(table, rounding: rounding).asymmetric(
          values, bits: bits)
        #expect(codes.map(Double.init) == expected.codes)
        #expect(Double(scale) == expected.scale && Double(low) == expected.low)
        #expect(codes.allSatisfy { $0 >= 0 && $0 < Float(1 << bits) })
      }
    }
  }

  @Test func groupsOfThreadsAreThoseOfTheMatrixInstruction() {
    let rule = OperandRule(.number(.int4), group: .thread)
    let queries = Dictionary(grouping: 0..<64) { rule.group(of: $0, isQuery: true) }
    #expect(
      queries.count == 16 && queries[0] == [0, 8, 16, 24] && queries[15] == [39, 47, 55, 63])
    let keys = Dictionary(grouping: 0..<128) { rule.group(of: $0, isQuery: false) }
    #expect(keys.count == 8 && keys.values.allSatisfy { $0.count == 16 })
    #expect(keys[1] == (0..<64).filter { $0 % 8 / 2 == 1 })
  }

  @Test func rotationKeepsProducts() {
    let rotation = Rotation(seed: 5)
    var pair = Rows(count: 2, width: 96)
    pair.values = random(192, seed: 4).map(Double.init)
    let rotated = QuantiserReference.rotated(pair, rotation)
    let largest = pair.dot(0, pair, 0).squareRoot() * pair.dot(1, pair, 1).squareRoot()
    // Butterflies over 32 channels in Float32: five additions and a product of 6e-8 each.
    #expect(abs(rotated.dot(0, rotated, 1) - pair.dot(0, pair, 1)) < 1e-6 * largest)
  }
}
