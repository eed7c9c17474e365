// SPDX-License-Identifier: MIT

/// The sentences above tables, the same in every form of a report.
enum Captions {
  static let headline =
    "Speed-ups are over our flash in f32 and over dense attention in the mechanism's own "
    + "precision, each timed next to the mechanism, with 95 % intervals. GFLOP/s count the "
    + "products of the plan: a multiply-add is 2 operations, only attended pairs count, and "
    + "exponentials do not."
  static let averages =
    "Speed-ups and shares are geometric means over the cases of a setting, distances from dense "
    + "attention arithmetic means; the worst case stands beside them."
  static let published =
    "Simulated beside published: a figure is reproduced if it rounds to the printed digits. "
    + "Speed-ups measured elsewhere are not bounds; they stand here for comparison."
  static let machines =
    "The bound over dense attention, the precision of the mechanism / of dense attention, "
    + "and the ceiling that binds."
  static let predictions =
    "Median time / roofline floor on the host. Below 1 the model would be refuted; above, it "
    + "is what the kernel leaves or the model leaves out."
  static let efficiency =
    "The shortest length of the run from which on the mechanism is faster than dense "
    + "attention: simulated where the roofline bound, measured where the low end of the "
    + "interval of the speed-up is above 1."
  static let chosenTiles =
    "Tiles of mechanisms that choose keys by the data, over all heads: expected if every "
    + "choice is equally likely, and actual, for what was chosen on the case's inputs. "
    + "Real choices are skewed, so that the two differ."
  static let selections =
    "What was kept of dense attention at the case's own size: the share of its pairs, and the "
    + "share of its softmax weights, mean and worst over the compared rows. On independent "
    + "Gaussian inputs attention is almost uniform, so that no selection can keep more "
    + "weight than pairs: look at structured or captured inputs."
  static let accuracy =
    "The first columns compare the kernel with the mechanism's own definition in Double; "
    + "the last compare its output with dense softmax attention."
}
