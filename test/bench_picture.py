#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Make docs/latency.md's picture of the latency page from the log of a `make bench`.

exit status:
  0   the picture was written
"""

import argparse
import pathlib
import re
import tempfile

from conftest import ROOT  # first: it finds the tools, too

import iststorm_latency as latency
import iststorm_page
from test_page import browse

PICTURE = ROOT / "docs" / "bench.png"
WIDTH = 1200
STYLE = """<style>
nav { display: none; } .page { display: block; } h2 { margin-top: 2rem; }
main { padding-bottom: 1rem; }
</style>"""
# The page has no script and forbids any: this one is added to a copy, and tells its height.
MEASURE = ("<script>document.title = '@@' + document.querySelector('.page').scrollHeight"
           "</script></body>")


def parts(page):
    """Of the page, for a picture: who it is of, an event a row, and the NMI's first plots."""
    yield re.search(r"<header>.*?</header>", page, re.DOTALL)[0]
    yield re.search(r"<figure><figcaption>round-trip:.*?</figure>", page, re.DOTALL)[0]
    stack = re.search(r"<h2>Stack: NMI</h2>.*?<h3.*?</h3>.*?</figure>.*?</figure>", page, re.DOTALL)
    yield f"<section>{stack[0]}</div></details></section>"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", help="the run's report")
    parser.add_argument("-o", "--output", default=PICTURE, help="(docs/bench.png)")
    options = parser.parse_args()
    page = iststorm_page.page(latency.read_result(options.log))
    before, after = page.split("<main>")[0], page[page.index("</main>"):]
    text = before.replace("</head>", STYLE + "</head>") + "<main>" + "\n".join(parts(page)) + after
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        copy = directory / "page.html"
        copy.write_text(re.sub("<meta http-equiv[^>]*>", "", text).replace("</body>", MEASURE))
        dom = browse(copy, directory, "--dump-dom", f"--window-size={WIDTH},400")
        height = re.search("<title>@@([0-9]+)", dom)[1]
        copy.write_text(text)
        browse(copy, directory, f"--screenshot={options.output}",
               f"--window-size={WIDTH},{height}")


if __name__ == "__main__":
    main()
