# SPDX-License-Identifier: MIT
"""How every tool ends. The statuses below 3 are the tools' answers, a verdict among them, so no
failure of a tool itself may be one of these: a full disk, a file that cannot be read, a signal and
an error in the tool are 3, wrong usage is 64. A tool whose output nobody reads any more ends as
other commands in a pipeline do, by SIGPIPE.

A tool calls begin() before it imports anything else of its own, and end_with() at its end."""

import argparse
import contextlib
import difflib
import io
import os
import shutil
import signal
import sys

EXIT_TROUBLE, EXIT_USAGE = 3, 64
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MOST_NAMES = 60  # that an error lists
MOST_PROBLEMS, LONGEST_PROBLEM = 20, 400  # that are told of a report, and characters of each
TOOLS = os.path.dirname(os.path.abspath(__file__))

name = "iststorm"


class Trouble(Exception):
    """The tool cannot do what it is asked to; the text says why."""


class WrongUsage(Exception):
    """The command line is wrong; the text says in which way."""


class Unknown(WrongUsage):
    """An option has an unknown name. The text lists the known ones."""

    def __init__(self, option, kind, wanted, known):
        near = difflib.get_close_matches(wanted, known, 1)
        more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
        super().__init__(f"{option}: unknown {kind}" + (f", near '{near[0]}'" if near else "")
                         + f"; the {kind}s are {', '.join(known[:MOST_NAMES])}{more}")


class Interrupted(BaseException):
    """A signal asked this tool to end; the text is its name."""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose exit status for wrong usage cannot be taken for an answer."""

    def error(self, message):
        with contextlib.suppress(OSError):
            self.print_usage(sys.stderr)
            print(f"{self.prog}: {message}", file=sys.stderr, flush=True)
        sys.exit(EXIT_USAGE)


def say(text):
    """To people, and for as long as anybody listens."""
    with contextlib.suppress(OSError):
        print(f"{name}: {text}", file=sys.stderr, flush=True)


def first(problems):
    """A report's problems; of many, the first."""
    yield from (problem[:LONGEST_PROBLEM] for problem in problems[:MOST_PROBLEMS])
    if len(problems) > MOST_PROBLEMS:
        yield f"and {len(problems) - MOST_PROBLEMS} more"


def say_problems(problems, where=""):
    for problem in first(problems):
        say(f"{where}{printable(problem)}")


def printable(text):
    """The text without characters that command a terminal."""
    return "".join(one if one.isprintable() else "?" for one in str(text))


@contextlib.contextmanager
def naming(path):
    """Adds the file's name to an error that has none."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or path
        raise


@contextlib.contextmanager
def writing(path):
    """A text file to write, whose errors name it."""
    with naming(path), open(path, "w", encoding="utf-8", errors="backslashreplace") as out:
        yield out


def replace(path, text):
    """Writes a file anew that somebody has worked on: on a full disk, the old one stays whole."""
    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):
        with writing(path) as out:
            out.write(text)
        return
    beside = f"{path}.{os.getpid()}.new"
    try:
        with writing(beside) as out:
            out.write(text)
        if os.path.exists(path):
            shutil.copymode(path, beside)
        os.replace(beside, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.remove(beside)
        raise


def begin(tool_name):
    """From here on every end has its status."""
    global name
    name = tool_name
    sys.excepthook = lambda _, error, where: end(error.with_traceback(where))
    open_standard_streams()
    for number in SIGNALS:
        # A signal that nohup or a shell's background ignores stays ignored.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)


def interrupt(number, _frame):
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise Interrupted(signal.Signals(number).name)


class StandardFile(io.FileIO):
    """stdin, stdout or stderr, whose errors say which."""

    def __init__(self, number, mode):
        super().__init__(number, mode, closefd=False)
        self.told = ("stdin", "stdout", "stderr")[number]

    def readall(self):
        """In parts: between them, a signal is attended to."""
        with naming(self.told):
            return b"".join(iter(lambda: self.read(1 << 16), b""))

    def write(self, data):
        with naming(self.told):
            return super().write(data)


def open_standard_streams():
    """One that was closed must not become a file that is opened later: to use it is an error."""
    for number, useless in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_RDONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, useless)
    text = {"encoding": "utf-8", "errors": "backslashreplace"}
    sys.stdin = io.TextIOWrapper(io.BufferedReader(StandardFile(0, "r")), **text)
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.BufferedWriter(StandardFile(number, "w")),
                         line_buffering=os.isatty(number), **text) for number in (1, 2))


def end_with(main):
    """Calls main with the arguments, and ends with the status that it returns."""
    try:
        status = main(sys.argv[1:])
    except SystemExit as ending:  # argparse's: --help, and wrong usage
        status = ending.code
    except BaseException as error:
        end(error)
    leave(status)


def leave(status):
    """Past Python's own end, which makes 120 of the status where stderr takes nothing."""
    try:
        sys.stdout.flush()
    except OSError as error:
        end(error)
    os._exit(status)


def end(error):
    """Ends with the status of what went wrong, and says it."""
    if isinstance(error, BrokenPipeError):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGPIPE)
    say(told(error))
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(EXIT_USAGE if isinstance(error, WrongUsage) else EXIT_TROUBLE)


def told(error):
    if isinstance(error, (Trouble, WrongUsage)):
        return str(error)
    if isinstance(error, Interrupted):
        return f"ended by {error}"
    if isinstance(error, KeyboardInterrupt):
        return "ended by SIGINT"
    if isinstance(error, OSError):
        what = error.strerror or str(error)
        return f"{error.filename}: {what}" if error.filename else what
    what = f"{type(error).__name__}: {str(error)[:200]}"
    return f"an error in the tool itself at {place(error)}: {what}"


def place(error):
    """Where, in the tools' own code."""
    where, found = error.__traceback__, "?"
    while where:
        code = where.tb_frame.f_code
        if os.path.abspath(code.co_filename).startswith(TOOLS + os.sep):
            found = f"{os.path.basename(code.co_filename)}:{where.tb_lineno}"
        where = where.tb_next
    return found
