// SPDX-License-Identifier: MIT

import Statistics
import Testing

struct SampleTests {
  @Test func medianOfAnOddCountIsTheMiddleValue() throws {
    #expect(try Sample([5, 1, 3]).median == 3)
  }

  @Test func medianOfAnEvenCountIsTheMeanOfTheMiddleValues() throws {
    #expect(try Sample([4, 1, 2, 10]).median == 3)
  }

  @Test func medianAbsoluteDeviationIgnoresOneWildValue() throws {
    // Median 2; distances 1, 1, 0, 0, 2, 4, 7; their median 1.
    #expect(try Sample([1, 1, 2, 2, 4, 6, 9]).medianAbsoluteDeviation == 1)
    #expect(try Sample([1, 1, 2, 2, 4, 6, 9e9]).medianAbsoluteDeviation == 1)
  }

  @Test func quantilesAreLinearBetweenNeighbours() throws {
    let sample = try Sample([40, 10, 20, 30, 50])
    #expect(sample.quantile(0) == 10)
    #expect(sample.quantile(0.25) == 20)
    // Position 3.6 lies between 40 and 50; the product 0.9 * 4 rounds, hence one part in 1e12.
    #expect(abs(sample.quantile(0.9) - 46) < 46e-12)
    #expect(sample.quantile(1) == 50)
    #expect(sample.quantile(7) == 50)
  }

  @Test func valuesStayInTheOrderTaken() throws {
    let sample = try Sample([3, 1, 2])
    #expect(sample.values == [3, 1, 2])
    #expect(sample.sorted == [1, 2, 3])
    #expect(sample.minimum == 1)
    #expect(sample.maximum == 3)
    #expect(sample.mean == 2)
  }

  @Test func unusableValuesAreRefusedByPlace() {
    #expect(throws: StatisticsError.emptySample) { try Sample([]) }
    #expect(throws: StatisticsError.notFinite(index: 1)) { try Sample([1, .nan]) }
    #expect(throws: StatisticsError.notFinite(index: 0)) { try Sample([.infinity]) }
  }

  @Test func everyErrorSaysWhatIsWrong() {
    let notPositive = StatisticsError.notPositive(index: 3, value: -1)
    #expect(notPositive.description.contains("value 3 is -1.0"))
    #expect(StatisticsError.unpaired(numerators: 2, denominators: 5).description.contains("(5)"))
  }

  @Test func summaryHoldsTheFiguresOfTheSample() throws {
    let summary = SampleSummary(of: try Sample([2, 2, 2, 3, 3, 3, 4, 90]))
    #expect(summary.count == 8)
    #expect(summary.median == 3)
    #expect(summary.medianAbsoluteDeviation == 1)
    #expect(summary.minimum == 2)
    #expect(summary.maximum == 90)
    #expect(summary.outlierCount == 1)
    #expect(try #require(summary.interval).contains(3))
  }
}
