// SPDX-License-Identifier: MIT

import Mustache

/// The templates, style sheet and scripts of a page, which are part of the binary.
enum PageTemplates {
  private static let parts: [(name: String, bytes: [UInt8])] = [
    ("page", PackageResources.page_mustache), ("prose", PackageResources.prose_mustache),
    ("figure", PackageResources.figure_mustache), ("table", PackageResources.table_mustache),
    ("panel", PackageResources.panel_mustache),
  ]

  /// The page of `context`.
  ///
  /// - Throws: ``ReportingError/badTemplate(name:cause:)``, which a test rules out.
  static func page(_ context: [String: Any]) throws(ReportingError) -> String {
    var library = MustacheLibrary()
    for part in parts {
      do {
        try library.register(String(decoding: part.bytes, as: UTF8.self), named: part.name)
      } catch {
        throw .badTemplate(name: part.name, cause: "\(error)")
      }
    }
    var context = context
    context["style"] = String(decoding: PackageResources.style_css, as: UTF8.self)
    context["theme"] = String(decoding: PackageResources.theme_js, as: UTF8.self)
    context["script"] = String(decoding: PackageResources.page_js, as: UTF8.self)
    guard let text = library.render(context, withTemplate: "page") else {
      throw .badTemplate(name: "page", cause: "it is not registered")
    }
    return text
  }
}
