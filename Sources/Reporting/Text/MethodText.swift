// SPDX-License-Identifier: MIT

/// The paragraphs that every report carries, so that a table can be read without the manual.
enum MethodText {
  static let reading = """
    - **FLOP bound**: operations of dense attention / operations of the mechanism. A multiply-add \
    of a matrix product counts as 2, so dense attention does `2 pairs (headDim + valueDim)` per \
    head over the pairs that causality leaves; a Fourier transform counts `5 N log2 N`. \
    Exponentials, comparisons and element-wise work are not FLOPs here; the roofline prices them.
    - **Tile bound**: key tiles of dense attention / key tiles visited. **Worst-tile bound**: the \
    same for the query tile that visits the most. Mechanisms without tiles have neither.
    - **Roofline bound**: floor time of dense attention / floor time of the mechanism on the host, \
    from ceilings measured in the same run; the binding ceiling is what limits the mechanism. \
    Where the host was not simulated, both are those of the machine that the heading names.
    - **End-to-end bound**: speed-up of a whole model, `1 / (1 - f + f / s)`, with `f` attention's \
    share of its time and `s` the worst-tile bound, rounded to one decimal as published tables do.
    - **Speed-up** is a ratio of times with its 95 % interval, `value (low ... high)`. The column \
    over flash f32 is the headline; the column over dense in the same precision shows what the \
    mechanism gains apart from its precision.
    - **Realised share**: measured speed-up over flash / roofline bound. It may exceed 100 % where \
    the baseline reaches a smaller share of its own floor than the mechanism does; both shares are \
    under Times. Only a time below the mechanism's own floor contradicts the model.
    - **GFLOP/s** counts attended pairs only: pairs that a tile computes and then masks are \
    overhead.
    - **Cosine, relative L1** (`sum |O - O'| / sum |O|`) and **RMSE** compare the output with \
    dense softmax attention on the same input. **Error against own oracle** is the relative L2 \
    distance from the mechanism's own definition in Double.
    - **n/a [1]** is a number that does not exist; the reason stands under that number. It is \
    never written as 0 or left blank.
    """

  static let method = """
    - Every kernel is first compared with its definition in Double at a small size; a case that \
    fails has no speed.
    - A mechanism and its baselines are timed as adjacent pairs in random order in one process; \
    a speed-up is the median of their ratios. Preparation that depends on the input is timed; \
    weights and plans are not.
    - Samples disturbed by a context switch or stolen time are counted and kept.
    - Mixers that replace attention as a whole are timed against flash with channels = heads x \
    headDim; projections are left out on both sides.
    - Counts of tiles, pairs, exponentials and bytes come from the engines while they run and must \
    equal the plan's closed form.
    """
}
