# SPDX-License-Identifier: MIT
"""All one-line changes of a C or NASM source that a slip of the hand could have made: a statement
dropped, a comparison or an operand swapped, a number off by one, a wrong register or stack slot, a
barrier or an interrupts_off() dropped. random_mutants.py draws among them.

A change keeps the number of lines, so that what the debug information says of all others stays."""

import dataclasses
import re

STATEMENT, COMPARISON, OPERAND, OFF_BY_ONE, SLOT, BARRIER, INTERRUPTS = KINDS = (
    "statement", "comparison", "operand", "off by one", "slot", "barrier", "interrupts")

COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
OPERATORS = {"&&": "||", "||": "&&", "+": "-", "-": "+", "*": "+", "/": "*", "%": "/", "&": "|",
             "|": "&", "<<": ">>", ">>": "<<", "+=": "-=", "-=": "+=", "|=": "&="}
REGISTERS = (
    ("rax", "rcx", "rdx", "rbx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13",
     "r14", "r15"),
    ("eax", "ecx", "edx", "ebx", "esi", "edi", "ebp", "r8d", "r9d", "r10d", "r11d", "r12d",
     "r13d", "r14d", "r15d"),
    ("ax", "cx", "dx", "bx", "si", "di"),
    ("al", "cl", "dl", "bl", "sil", "dil"))
NEXT_REGISTER = {name: row[(i + 1) % len(row)] for row in REGISTERS for i, name in enumerate(row)}
NEXT_FIELD = {name: NEXT_REGISTER[name] for name in REGISTERS[0]} | {
    "rip": "rsp", "rsp": "rip", "cs": "ss", "ss": "cs"}
CONDITIONS = {"e": "ne", "ne": "e", "z": "nz", "nz": "z", "c": "nc", "nc": "c", "s": "ns",
              "ns": "s", "a": "ae", "ae": "a", "b": "be", "be": "b", "g": "ge", "ge": "g",
              "l": "le", "le": "l"}
INSTRUCTIONS = {"add": "sub", "sub": "add", "inc": "dec", "dec": "inc", "and": "or", "or": "and"}
NO_INSTRUCTIONS = {"global", "extern", "section", "align", "times", "bits", "default", "db", "dw",
                   "dd", "dq", "equ", "incbin", "resb", "resq", "static", "common", "org"}


@dataclasses.dataclass(frozen=True)
class Change:
    """`put` in the place of the file's text from `start` to `end`."""
    path: str
    kind: str
    start: int
    end: int
    put: str

    def apply(self, text):
        return text[:self.start] + self.put + text[self.end:]

    def lines(self, text):
        """The first and the last line that change, counted from 1."""
        return text.count("\n", 0, self.start) + 1, text.count("\n", 0, self.end) + 1

    def diff(self, text):
        """The old and the new text of these lines."""
        first, last = self.lines(text)
        before = text.split("\n")[first - 1:last]
        after = self.apply(text).split("\n")[first - 1:last]
        return [f"-{line}" for line in before] + [f"+{line}" for line in after if line.strip()]


def blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def code_of_c(text):
    """The text with blanks where comments, strings, characters and #include or #if lines are."""
    text = re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.DOTALL)
    return re.sub(r"^[ \t]*#(?!define)(?:.*\\\n)*.*$", blank, text, flags=re.MULTILINE)


def code_of_nasm(text):
    text = re.sub(r'"[^"\n]*"|\'[^\'\n]*\'|`[^`\n]*`|;.*', blank, text)
    return re.sub(r"^[ \t]*%(?!define)\S.*$", blank, text, flags=re.MULTILINE)


def functions(code):
    """(start, end) of each function's body, between its braces, which stand in the first column or
    on one line."""
    bodies = [(match.start() + 2, code.find("\n}", match.start()))
              for match in re.finditer(r"(?<=[)\n])\n\{", code)]
    bodies += [(match.start(1), match.end(1))
               for match in re.finditer(r"^\w[^\n=]*\) \{([^\n]*)\}$", code, re.MULTILINE)]
    return [(start, end) for start, end in bodies if end > start]


def past_parentheses(code, at):
    """Behind the ')' that belongs to the '(' at or after this place."""
    depth = 0
    for at in range(code.index("(", at), len(code)):
        depth += (code[at] == "(") - (code[at] == ")")
        if depth == 0:
            return at + 1
    return len(code)


def past_headers(code, at):
    """Behind what stands before a simple statement: if (...), else, case X: and the like."""
    while True:
        match = re.compile(r"\s*(?:(if|while|for|switch)\b|else\b|do\b|case\b[^:]*:|\w+:(?!:))"
                           ).match(code, at)
        if not match:
            return at
        at = past_parentheses(code, match.end()) if match[1] else match.end()


DECLARATION = re.compile(r"(?!return\b|goto\b|__asm__\b)[A-Za-z_]\w*(?:\s+\**|\s*\*+\s*)[A-Za-z_]")


def statements(code, start, end):
    """(start, end) of each simple statement of a body, with its semicolon, without declarations."""
    depth, begin = 0, start
    for at in range(start, end):
        depth += (code[at] == "(") - (code[at] == ")")
        if depth or code[at] not in ";{}":
            continue
        if code[at] == ";":
            first = past_headers(code, begin)
            first += len(code[first:at]) - len(code[first:at].lstrip())
            if first < at and not DECLARATION.match(code, first):
                yield first, at + 1
        begin = at + 1


def numbers(code):
    """(start, end, what stands there instead) of each integer off by one."""
    for match in re.finditer(r"(?<![\w.])(0x[0-9a-fA-F]+|\d+)([uUlL]*)\b", code):
        value, base = int(match[1], 0), match[1][:2] == "0x"
        for other in (value - 1, value + 1):
            if other >= 0:
                yield match.start(), match.end(), (hex(other) if base else str(other)) + match[2]


def statement_kind(text):
    if re.match(r"interrupts_off\(\)", text):
        return INTERRUPTS
    return BARRIER if re.search(r"__asm__.*fence|barrier\(", text) else STATEMENT


def changes_of_c(path, text):
    code = code_of_c(text)
    for begin, stop in functions(code):
        for start, end in statements(code, begin, stop):
            yield Change(path, statement_kind(text[start:end]), start, end,
                         "{}" + "\n" * text.count("\n", start, end))
    for match in re.finditer(r" (<=|>=|==|!=|<|>) ", code):
        yield Change(path, COMPARISON, *match.span(1), COMPARISONS[match[1]])
    for match in re.finditer(r"(?<=[\w)\]]) (&&|\|\||<<|>>|[-+|]=|[-+*/%&|]) (?=\S)", code):
        yield Change(path, OPERAND, *match.span(1), OPERATORS[match[1]])
    for match in re.finditer(r"!(?=[\w(])", code):
        yield Change(path, OPERAND, *match.span(), "")
    for match in re.finditer(r"\b(if|while) \((?=[^;{]*\))", code):
        end = past_parentheses(code, match.start())
        if "\n" not in text[match.end():end]:
            yield Change(path, OPERAND, match.end(), end - 1, f"!({text[match.end():end - 1]})")
    for match in re.finditer(r"\w\(([\w.>\[\]-]+), ([\w.>\[\]-]+)\)", code):
        if match[1] != match[2]:
            yield Change(path, OPERAND, match.start(1), match.end(2), f"{match[2]}, {match[1]}")
    for start, end, put in numbers(code):
        yield Change(path, OFF_BY_ONE, start, end, put)
    for match in re.finditer(r"(?:->|\.)(" + "|".join(NEXT_FIELD) + r")\b(?!\()", code):
        yield Change(path, SLOT, *match.span(1), NEXT_FIELD[match[1]])
    for match in re.finditer(r"\b__ATOMIC_(ACQUIRE|RELEASE|ACQ_REL|SEQ_CST)\b", code):
        yield Change(path, BARRIER, *match.span(1), "RELAXED")
    for match in re.finditer(r"\binterrupts_save\(\)", code):
        yield Change(path, INTERRUPTS, *match.span(), "read_flags()")


def changes_of_instruction(path, text, start, end, name):
    """An instruction with its operands, or a macro's call, at this place."""
    def change(kind, at, until, put):
        return Change(path, kind, start + at, start + until, put)

    words, lines = text[start:end], text.count("\n", start, end)
    kind = BARRIER if name in ("lfence", "mfence", "sfence") else \
        INTERRUPTS if name == "cli" else STATEMENT
    yield change(kind, 0, end - start, "\n" * lines)
    condition = re.match(r"(j|set|cmov)(" + "|".join(CONDITIONS) + r")\b", words)
    if condition:
        yield change(COMPARISON, *condition.span(2), CONDITIONS[condition[2]])
    if name in INSTRUCTIONS:
        yield change(OPERAND, 0, len(name), INSTRUCTIONS[name])
    pair = re.match(r"\w+ +(\w+), (\w+)$", words)
    if pair and pair[1] in NEXT_REGISTER and pair[2] in NEXT_REGISTER and pair[1] != pair[2]:
        yield change(OPERAND, pair.start(1), pair.end(2), f"{pair[2]}, {pair[1]}")
    for match in re.finditer(r"\b[a-z]\w+\b", words):
        if match[0] in NEXT_REGISTER:
            yield change(SLOT, *match.span(), NEXT_REGISTER[match[0]])
    for match in re.finditer(r"\[(?:rsp|rbp|rdi|rsi)[^\]]*(?=\])", words):
        for off in (" + 8", " - 8"):
            yield change(SLOT, match.end(), match.end(), off)


def changes_of_nasm(path, text):
    code = code_of_nasm(text)
    for match in re.finditer(r"^(?:[\w.%{}$@]+:)?[ \t]+(([A-Za-z]\w*)(?:.*\\\n)*.*)$", code,
                             re.MULTILINE):
        end = match.start(1) + len(match[1].rstrip())
        if match[2] not in NO_INSTRUCTIONS:
            yield from changes_of_instruction(path, text, match.start(1), end, match[2])
    for start, end, put in numbers(code):
        yield Change(path, OFF_BY_ONE, start, end, put)


def changes(path, text):
    """Every change of a source, each once, in the order of the text."""
    found = changes_of_nasm if path.endswith((".asm", ".inc")) else changes_of_c
    return sorted(dict.fromkeys(found(path, text)),
                  key=lambda change: (change.start, change.end, change.kind, change.put))


def enclosing(text, line):
    """The name of the function, macro or label that a line belongs to, or ''."""
    lines = text.split("\n")
    for number in range(line - 1, -1, -1):
        match = re.match(r"(?:[A-Za-z_].*?\b(\w+)\(|#\s*define (\w+)|%i?macro (\w+)|"
                         r"([A-Za-z_%{][\w%{}.]*):)(?!.*;$)", lines[number])
        if match and not lines[number].startswith((" ", "}")):
            return next(filter(None, match.groups()))
        if lines[number].startswith("}") and number < line - 1:
            return ""
    return ""
