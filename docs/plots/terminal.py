#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""terminal.py COMMAND: draws what COMMAND has printed, on standard input, as a terminal, in SVG.

    make -s demo | tee demo.txt
    sed -n '/^The storm/,/^  spawnctl_thread.*returned/p' demo.txt |
        docs/plots/terminal.py 'make demo' >docs/plots/demo.svg
"""

import sys
from xml.sax.saxutils import escape

LINE, COLUMN, MARGIN = 18, 8.43, 16
STYLE = ("text { font: 14px 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #d8dee9 }"
         " .prompt { fill: #a3be8c } .bad { fill: #ebcb8b }")
# What a reader should see first: a handler that ran in a child, a caller that is stuck
BAD = ("  vfork() ", "stuck ")


def main() -> None:
    lines = [f"# {sys.argv[1]}", "", *sys.stdin.read().rstrip().expandtabs().splitlines()]
    width = round(max(map(len, lines)) * COLUMN + 2 * MARGIN)
    height = len(lines) * LINE + 2 * MARGIN
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
          f'height="{height}" role="img" aria-label="{escape(sys.argv[1])}">')
    print(f"<style>{STYLE}</style>")
    print(f'<rect width="{width}" height="{height}" rx="6" fill="#2e3440"/>')
    for number, line in enumerate(lines):
        kind = "prompt" if not number else "bad" if any(word in line for word in BAD) else ""
        attribute = f' class="{kind}"' if kind else ""
        print(f'<text x="{MARGIN}" y="{MARGIN + LINE * (number + 0.75):.1f}"{attribute} xml:space="preserve">'
              f"{escape(line)}</text>")
    print("</svg>")


main()
