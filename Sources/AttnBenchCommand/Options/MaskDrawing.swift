// SPDX-License-Identifier: MIT

import AttentionCore
import AttentionMechanisms
import Reporting
import SuiteRunner

/// A picture of a mask, from options to file.
struct MaskDrawing {
  let entry: MechanismEntry
  let settings: ParameterOptions
  let shape: ShapeOptions

  /// Draws into the file `path` and returns what the picture counts.
  func draw(to path: String, query: Extents?, head: Int, seed: Seed) throws -> String {
    guard let format = ImageFormat.allCases.first(where: { path.hasSuffix(".\($0.rawValue)") })
    else { throw Refusal.usage("--plot \(path): the name must end in .svg or .png") }
    guard shape.length != nil || shape.grid != nil else {
      throw Refusal.usage("--plot needs a size: give --grid or --length")
    }
    let sketch = try AttentionSketch(
      entry, overrides: try settings.overrides(), shape: try shape.shape(), head: head,
      seed: seed)
    let picture = MaskPicture(
      sketch, id: entry.id, settings: settings.settings,
      query: try query.map { try token($0, shape: sketch.shape) })
    try PlotRenderer().draw(picture, as: format, to: path)
    return picture.facts + (hint(sketch) ?? "")
  }

  /// What to do where parameters for long sequences keep all of a short one.
  private func hint(_ sketch: AttentionSketch) -> String? {
    let visible = (0..<sketch.shape.queryLength).reduce(0) {
      $0 + sketch.shape.visibleKeys(query: $1)
    }
    guard sketch.map.attendedPairs == visible,
      [.maskedExact, .approximate].contains(entry.card.exactness)
    else { return nil }
    return "\nnote: at this size every visible key is attended; take a longer --length or, with "
      + "--set, smaller parameters than the defaults"
  }

  /// The token that `place` names by its index or by its coordinate on the grid.
  private func token(_ place: Extents, shape: AttentionShape) throws -> Int {
    if place.rank == 1, (0..<shape.queryLength).contains(place[0]) { return place[0] }
    if let grid = shape.grid, grid.rank == place.rank,
      zip(place.values, grid.values).allSatisfy({ (0..<$1).contains($0) })
    {
      return zip(place.values, grid.values).reduce(0) { $0 * $1.1 + $1.0 }
    }
    let size = shape.grid.map { "the grid \($0)" } ?? "\(shape.queryLength) queries"
    throw Refusal.usage("--query \(place) is no token of \(size); count from 0")
  }
}
