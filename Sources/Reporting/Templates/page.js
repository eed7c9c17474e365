// SPDX-License-Identifier: MIT
"use strict";
(() => {
  const root = document.documentElement;
  const $ = (selector, scope = document) => scope.querySelector(selector);
  const $$ = (selector, scope = document) => [...scope.querySelectorAll(selector)];
  for (const element of $$(".needs-script")) element.hidden = false;

  // Theme: the system's, or the reader's choice, which some browsers do not store for files.
  const themes = ["system", "light", "dark"];
  const system = matchMedia("(prefers-color-scheme: dark)");
  const store = {
    read() { try { return localStorage.getItem("attnbench-theme"); } catch { return null; } },
    write(value) {
      try { localStorage.setItem("attnbench-theme", value); } catch { /* not stored */ }
    },
  };
  let theme = themes.includes(store.read()) ? store.read() : "system";
  let printing = false;
  const applyTheme = () => {
    const dark = !printing && (theme === "dark" || (theme === "system" && system.matches));
    root.classList.toggle("dark", dark);
    root.style.colorScheme = dark ? "dark" : "light";
    $("#theme").textContent = "Theme: " + theme;
  };
  system.addEventListener("change", applyTheme);
  $("#theme").addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    store.write(theme);
    applyTheme();
  });
  applyTheme();

  // Sorting: numbers by value, text by letters; what is missing stands last in both orders.
  const value = (cell) => {
    if (cell.querySelector("abbr")) return null;
    const text = cell.textContent.trim();
    const number = parseFloat(text.replace(/^<= |,(?=\d{3})/g, ""));
    return cell.classList.contains("n") && !Number.isNaN(number) ? number : text;
  };
  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b
      : String(a).localeCompare(String(b), "en", { numeric: true });
  const sort = (table, index, header) => {
    const next = header.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const other of $$("thead th", table)) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", next);
    const sign = next === "ascending" ? 1 : -1;
    const rows = [...table.tBodies[0].rows].map((row) => [value(row.cells[index]), row]);
    rows.sort(([a], [b]) =>
      a === null || b === null ? (a === null) - (b === null) : sign * compare(a, b));
    table.tBodies[0].append(...rows.map(([, row]) => row));
  };
  for (const table of $$("table.sortable")) {
    const headers = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    headers.forEach((header, index) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-label", "Sort by " + header.textContent);
      header.append(button);
      // The whole heading for the mouse, the button for the keyboard.
      header.addEventListener("click", () => sort(table, index, header));
    });
  }

  // Filters of the results.
  const form = $("#filters");
  const table = $("#headline");
  const shown = () => [...table.tBodies[0].rows].filter((row) => !row.hidden);
  const filter = () => {
    const choice = new FormData(form);
    const words = choice.get("text").toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase() + " " + row.dataset.family.toLowerCase();
      const fits = ["family", "shape", "precision", "exactness"].every(
        (name) => !choice.get(name) || row.dataset[name] === choice.get(name));
      row.hidden = !fits || !words.every((word) => text.includes(word));
    }
    const groups = new Set(choice.getAll("group"));
    for (const box of $$("input[name=group]", form))
      table.classList.toggle("hide-" + box.value, !groups.has(box.value));
    $("#count").textContent = shown().length + " of " + table.tBodies[0].rows.length + " rows";
  };
  const say = (button, text) => {
    const before = button.dataset.label ||= button.textContent;
    button.textContent = text;
    setTimeout(() => { button.textContent = before; }, 1500);
  };
  const copy = async (button, text) => {
    try {
      await navigator.clipboard.writeText(text);
      say(button, "Copied");
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      say(button, document.execCommand("copy") ? "Copied" : "Not copied");
      area.remove();
    }
  };
  const visible = (cells) => [...cells].filter((cell) => cell.offsetParent !== null);
  const text = (cell) => {
    const clone = cell.cloneNode(true);
    for (const mark of $$(".why", clone)) mark.remove();
    return clone.textContent.trim().replaceAll("|", "\\|");
  };
  const markdown = () => {
    const head = visible(table.tHead.rows[table.tHead.rows.length - 1].cells);
    const line = (cells) => "| " + cells.join(" | ") + " |";
    const rule = head.map((th) => (th.classList.contains("n") ? "---:" : "---"));
    return [line(head.map(text)), line(rule),
      ...shown().map((row) => line(visible(row.cells).map(text)))].join("\n") + "\n";
  };
  if (form && table) {
    form.addEventListener("input", filter);
    form.addEventListener("reset", () => setTimeout(filter));
    form.addEventListener("submit", (event) => event.preventDefault());
    $("#copy-rows").addEventListener("click", (event) => copy(event.currentTarget, markdown()));
    $("#save-rows").addEventListener("click", () => {
      const data = JSON.parse($("#rows").textContent);
      const lines = [data.heading, ...shown().map((row) => data.lines[row.dataset.row])];
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
      link.download = "attnbench.csv";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href));
    });
    addEventListener("keydown", (event) => {
      if (event.key !== "/" || event.target.closest("input, select, textarea")) return;
      event.preventDefault();
      form.elements.text.focus();
    });
    filter();
  }

  // One problem's pictures at a time.
  const problem = $("#problem");
  const showProblem = () => {
    for (const part of $$(".problem")) part.hidden = part.dataset.problem !== problem.value;
  };
  if (problem) {
    problem.addEventListener("change", showProblem);
    showProblem();
  }

  // Panels: links open what they point to, paper shows every mechanism.
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let part = target; part; part = part.parentElement)
      if (part.tagName === "DETAILS") part.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
  const setAll = (isOpen) => { for (const part of $$("details")) part.open = isOpen; };
  $("#open-all")?.addEventListener("click", () => setAll(true));
  $("#close-all")?.addEventListener("click", () => setAll(false));
  for (const button of $$("button.copy"))
    button.addEventListener("click", () => {
      copy(button, $("code", button.parentElement).textContent);
    });
  let closed = [];
  addEventListener("beforeprint", () => {
    printing = true;
    applyTheme();
    closed = $$("details.panel:not([open])");
    for (const panel of closed) panel.open = true;
  });
  addEventListener("afterprint", () => {
    printing = false;
    applyTheme();
    for (const panel of closed) panel.open = false;
  });
  $("#print").addEventListener("click", () => print());
})();
