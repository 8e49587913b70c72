# SPDX-License-Identifier: MIT
"""Parts of a page that a script makes, between <!-- NAME --> and <!-- /NAME -->."""

import re


def part(name):
    """A pattern of what stands there."""
    return re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", re.DOTALL)


def put(page, name, text, write):
    """Writes the text into the page, or prints it."""
    if write:
        whole = page.read_text(encoding="ascii")
        page.write_text(part(name).sub(lambda _: text, whole), encoding="ascii")
    else:
        print(text, end="")
