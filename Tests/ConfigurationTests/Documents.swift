// SPDX-License-Identifier: MIT

import Configuration

/// The root mapping of a document called `card.yaml`.
func root(_ text: String) throws -> ConfigurationMapping {
  try ConfigurationDocument(text: text, file: "card.yaml").root.openMapping()
}

/// The value of `value:` in a document of one line.
func value(_ text: String) throws -> ConfigurationNode {
  try root("value: \(text)").required("value")
}

/// What `body` says about what is wrong, or "no error".
func message(_ body: () throws -> Void) -> String {
  do {
    try body()
    return "no error"
  } catch {
    return "\(error)"
  }
}

/// What reading `text` says.
func documentMessage(_ text: String) -> String {
  message { _ = try ConfigurationDocument(text: text, file: "card.yaml") }
}
