// SPDX-License-Identifier: MIT
"use strict";
// Before anything is drawn, so that a dark page does not flash.
(() => {
  let choice = null;
  try { choice = localStorage.getItem("attnbench-theme"); } catch { /* files may have no storage */ }
  const system = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.classList.toggle("dark", choice === "dark" || (choice !== "light" && system));
})();
