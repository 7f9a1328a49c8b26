"""The command `hnnlib`: its arguments, its exit codes, and how it tells what went wrong."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import hnnlib as hn
from hnnlib.cli import compile as compile_command
from hnnlib.cli import convert, fit, info, reduce, run, simulate

__all__ = ["main"]

DONE, FAILED, REFUSED, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141

_EPILOG = """\
examples:
  hnnlib simulate default --out run.h5 --figure run.png
  hnnlib simulate my.param --n-trials 10 --jobs 2 --set drives.evprox1.mu=30
  hnnlib info default
  hnnlib info run.h5

exit codes:
  0    done
  1    the simulation or the compilation failed
  2    refused: a mistake in the arguments or the input, or a place that can't be written to
  130  interrupted (Ctrl-C); 141: whoever read the output has gone"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of this process when left out.

    Returns
    -------
    code : int
        0: done; 1: the simulation or compilation failed; 2: refused, a mistake in arguments or input, or an output that
        can't be written; 130: interrupted; 141: the reader of the output has gone.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal without µ is no reason to fail
    try:
        arguments = _parser().parse_args(argv)
        with _told_in_one_voice(quiet=getattr(arguments, "quiet", False)):
            arguments.run(arguments)
            sys.stdout.flush()
    except (hn.SimulationError, hn.MechanismBuildError) as error:
        return _tell(error, FAILED)
    except hn.HnnlibError as error:
        return _tell(error, REFUSED)
    except MemoryError as error:
        return _tell(f"error: not enough memory: {error}", FAILED)
    except KeyboardInterrupt:
        return _tell("interrupted", INTERRUPTED)
    except BrokenPipeError:
        # Python would complain once more when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except Exception:  # noqa: BLE001  what is none of our errors is a bug of ours, and its traceback tells where
        traceback.print_exc()
        return _tell(f"this is a bug in hnnlib {hn.__version__}; please report it with the lines above", FAILED)
    return DONE


def _tell(what: object, code: int) -> int:
    print(f"hnnlib: {'error: ' if isinstance(what, Exception) else ''}{_by_options(str(what))}", file=sys.stderr)
    return code


def _by_options(text: str) -> str:
    """Name options of the command where the library names arguments of its functions."""
    names = {
        "With strict=False": "With --lenient",
        "simulate(..., resume=True)": "hnnlib simulate ... --resume",
        "resume=True": "--resume",
    }
    for argument, option in names.items():
        text = text.replace(argument, option)
    return text


class _ByOptions(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return _by_options(super().format(record))


@contextmanager
def _told_in_one_voice(quiet: bool) -> Iterator[None]:
    """Write warnings and log records as lines of this command, or not at all, while the block runs."""
    logger, handler = logging.getLogger("hnnlib"), logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.ERROR if quiet else logging.WARNING)
    handler.setFormatter(_ByOptions("hnnlib: %(message)s"))
    before, logger.propagate = logger.propagate, False
    logger.addHandler(handler)

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if not quiet:
            print(f"hnnlib: warning: {_by_options(str(message))}", file=sys.stderr)

    try:
        with warnings.catch_warnings():
            warnings.showwarning = show
            yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = before


class _Parser(argparse.ArgumentParser):
    """Tells a mistake in one line, without all the usage above it."""

    def error(self, message: str) -> NoReturn:
        """Print the mistake and leave."""
        self.exit(REFUSED, f"hnnlib: error: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="hnnlib",
        description="Simulate a neocortical column and the current dipole that EEG and MEG record from it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"hnnlib {hn.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (simulate, fit, reduce, run, convert, info, compile_command):
        command.add_parser(commands)
    return parser
