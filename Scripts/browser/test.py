# SPDX-License-Identifier: MIT
"""Tests the HTML report in a real browser.

Usage: test.py BROWSER SCREENSHOTS CARD.html LARGE.html
"""

import pathlib
import sys

from devtools import Browser

ROWS = "[...document.querySelectorAll('#headline tbody tr')]"
SHOWN = f"{ROWS}.filter(row => row.offsetParent !== null)"


class Checks:
    def __init__(self):
        self.count = 0
        self.failures = []

    def expect(self, condition, words):
        self.count += 1
        if not condition:
            self.failures.append(words)
            print(f"FAILED: {words}")

    def equal(self, found, wanted, words):
        self.expect(found == wanted, f"{words}: {found!r} instead of {wanted!r}")


def column(browser, heading):
    return browser.value(
        "[...document.querySelectorAll('#headline thead tr:last-child th')]"
        f".findIndex(th => th.textContent.startsWith({heading!r}))")


def numbers(browser, index):
    return browser.value(
        f"{SHOWN}.map(row => row.cells[{index}]).map(cell => cell.querySelector('abbr') ? null"
        " : parseFloat(cell.textContent.replace(/,/g, '')))")


def ordered(values, descending):
    known = [value for value in values if value is not None]
    missing_last = values == known + [None] * (len(values) - len(known))
    return missing_last and known == sorted(known, reverse=descending)


def sorting(browser, checks):
    index = column(browser, "speed-up over flash")
    button = f"document.querySelectorAll('#headline thead tr:last-child th')[{index}].querySelector('button')"
    header = f"{button}.parentElement.getAttribute('aria-sort')"
    browser.value(f"{button}.focus()")
    browser.press("Enter", "\r")
    checks.equal(browser.value(header), "ascending", "Enter on a heading sorts")
    checks.expect(ordered(numbers(browser, index), False), "rows ascend, missing numbers last")
    browser.value(f"{button}.click()")
    checks.equal(browser.value(header), "descending", "a second time turns the order")
    checks.expect(ordered(numbers(browser, index), True), "rows descend, missing numbers last")
    checks.equal(
        browser.value("document.querySelectorAll('#headline th[aria-sort]').length"), 1,
        "one column is sorted")
    first = column(browser, "#")
    browser.value(
        f"document.querySelectorAll('#headline thead tr:last-child th')[{first}].click()")


def filtering(browser, checks):
    total = browser.value(f"{ROWS}.length")
    checks.equal(
        browser.value("document.querySelector('#count').value"), f"{total} of {total} rows",
        "all rows are counted")
    select = "document.querySelector('#filters [name=family]')"
    browser.value(
        f"{select}.value = 'Local', {select}.dispatchEvent(new Event('input', {{bubbles: true}}))")
    local = browser.value(f"{ROWS}.filter(row => row.dataset.family === 'Local').length")
    checks.equal(browser.value(f"{SHOWN}.length"), local, "the family filter keeps its rows")
    checks.expect(0 < local < total, "the family filter leaves some rows out")
    browser.value("document.querySelector('#filters [type=reset]').click()")
    browser.value("new Promise(done => setTimeout(done, 50))")
    checks.equal(browser.value(f"{SHOWN}.length"), total, "reset shows every row")
    browser.value("document.activeElement.blur()")
    browser.press("/", "/")
    checks.equal(
        browser.value("document.activeElement.name"), "text", "a slash leads to the search")
    browser.call("Input.insertText", text="linear causal")
    found = browser.value(f"{SHOWN}.map(row => row.textContent + row.dataset.family)")
    checks.expect(
        found and all("linear" in text.lower() and "causal" in text for text in found),
        "every word of a search is in each row")
    browser.value("document.querySelector('#filters [type=reset]').click()")
    browser.value("new Promise(done => setTimeout(done, 50))")
    index = column(browser, "cosine")
    box = "document.querySelector('#filters [value=accuracy]')"
    browser.value(f"{box}.click()")
    hidden = f"document.querySelectorAll('#headline thead tr:last-child th')[{index}].offsetParent"
    checks.equal(browser.value(f"{hidden} === null"), True, "a group of columns can be hidden")
    browser.value(f"{box}.click()")


def themes(browser, checks):
    paper = "getComputedStyle(document.body).backgroundColor"
    ink = ("(() => { const text = [...document.querySelectorAll('figure svg g')]"
           ".find(g => g.querySelector(':scope > text'));"
           " return getComputedStyle(text).fill; })()")
    light, light_ink = browser.value(paper), browser.value(ink)
    browser.media(scheme="dark")
    dark, dark_ink = browser.value(paper), browser.value(ink)
    checks.expect(light != dark, "the page follows the system's theme")
    checks.expect(light_ink != dark_ink, "pictures follow the theme")
    browser.media(scheme="light")
    browser.value("document.querySelector('#theme').click()")
    browser.value("document.querySelector('#theme').click()")
    checks.equal(browser.value(paper), dark, "the switch makes it dark on a light system")
    checks.equal(
        browser.value("document.querySelector('#theme').textContent"), "Theme: dark",
        "the switch says so")
    browser.value("document.querySelector('#theme').click()")
    checks.equal(browser.value(paper), light, "and back")


def panels(browser, checks):
    number = browser.value(f"{ROWS}[3].dataset.row")
    browser.value(f"{ROWS}[3].querySelector('a').click()")
    browser.value("new Promise(done => setTimeout(done, 100))")
    case = f"document.getElementById('case-{number}')"
    checks.equal(browser.value(f"{case}.open"), True, "a row's number opens its case")
    checks.equal(
        browser.value(f"{case}.closest('.panel').open"), True, "and the panel around it")
    checks.expect(
        "attnbench run" in browser.value(f"{case}.querySelector('pre').textContent"),
        "a case tells how to repeat it")
    browser.value("scrollTo(0, 0)")


def exporting(browser, checks):
    total = browser.value(f"{ROWS}.length")
    browser.value(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: async text =>"
        " { window.copied = text; }}})")
    browser.value("document.querySelector('#copy-rows').click()")
    lines = browser.value("window.copied").strip().split("\n")
    checks.equal(len(lines), total + 2, "the copied table has a line per row")
    checks.equal(
        len({line.replace("\\|", "").count("|") for line in lines}), 1, "and the same columns")
    browser.value(
        "URL.createObjectURL = blob => { window.saved = blob.text(); return 'data:,'; };"
        "HTMLAnchorElement.prototype.click = () => {};"
        "document.querySelector('#save-rows').click()")
    csv = browser.value("window.saved").strip().split("\n")
    checks.equal(len(csv), total + 1, "the saved table has a line per row")


def structure(browser, checks):
    checks.equal(
        browser.value(
            "(() => { const ids = [...document.querySelectorAll('[id]')].map(e => e.id);"
            " return ids.filter((id, i) => ids.indexOf(id) !== i); })()"), [],
        "every id is there once")
    checks.equal(
        browser.value(
            "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.hash.slice(1))"
            ".filter(id => !document.getElementById(id))"), [], "every link has its end")
    tree = browser.call("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "combobox", "searchbox", "checkbox", "link", "image", "region", "table"}
    nameless = [
        node["role"]["value"] for node in tree
        if not node.get("ignored") and node["role"]["value"] in roles
        and not node.get("name", {}).get("value")]
    checks.equal(nameless, [], "every control and picture has a name")
    for width in (1400, 800, 480):
        browser.size(width, 900)
        checks.expect(
            browser.value("document.documentElement.scrollWidth <= innerWidth"),
            f"nothing sticks out at {width} pixels: " + str(browser.value(
                "[...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll, figure')"
                " && e.getBoundingClientRect().right > innerWidth + 1).slice(0, 3)"
                ".map(e => e.outerHTML.slice(0, 120))")))
    browser.size(1440, 1000)


def shots(browser, folder, name):
    browser.size(1440, 1000)
    browser.value("document.querySelectorAll('.scroll').forEach(box => { box.scrollLeft = 0; })")
    browser.screenshot(folder / f"{name}-light.png")
    browser.media(scheme="dark")
    browser.screenshot(folder / f"{name}-dark.png")
    browser.media(scheme="light")
    for part in ("results", "plots", "machines", "mechanisms", "method"):
        browser.value(f"document.getElementById('{part}')?.scrollIntoView()")
        browser.screenshot(folder / f"{name}-{part}.png")
    for part in ("plots", "mechanisms"):
        browser.value(f"document.getElementById('{part}')?.scrollIntoView()")
        browser.media(scheme="dark")
        browser.screenshot(folder / f"{name}-{part}-dark.png")
    browser.media(scheme="light")
    browser.value("scrollTo(0, 0)")
    browser.size(480, 900)
    browser.screenshot(folder / f"{name}-narrow.png")
    browser.size(1440, 1000)


def main(program, folder, pages):
    folder = pathlib.Path(folder).resolve()
    checks = Checks()
    browser = Browser(program)
    try:
        for page in pages:
            name = pathlib.Path(page).parent.name
            browser.size(1440, 1000)
            browser.media(scheme="light")
            browser.events.clear()
            seconds = browser.open(pathlib.Path(page).resolve())
            rows = browser.value(f"{ROWS}.length")
            print(f"{name}: {rows} rows, loaded in {seconds:.2f} s")
            checks.expect(rows > 0, "the page has rows")
            structure(browser, checks)
            sorting(browser, checks)
            filtering(browser, checks)
            themes(browser, checks)
            panels(browser, checks)
            shots(browser, folder, name)
            browser.media(scheme="dark")
            browser.pdf(folder / f"{name}.pdf")
            browser.media(scheme="light")
            checks.expect(
                (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF"), "the page prints")
            exporting(browser, checks)
            checks.equal(browser.value("window.broken"), None, "no name runs as a script")
            checks.equal(browser.complaints(), [], "the console is silent and nothing is fetched")
    finally:
        browser.close()
    print(f"browser test: {checks.count - len(checks.failures)} of {checks.count} checks passed")
    return 1 if checks.failures else 0


sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
