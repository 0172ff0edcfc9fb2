"""The command ``critech``. Subcommands are named as strings and imported on use."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec

from critech import __version__
from critech.commands.arguments import Parser
from critech.core_dumps import forbid_core_dumps
from critech.errors import BundleError, CritechError, UnknownTaxonomyError
from critech.standard_streams import is_unheard, settle_standard_streams

EXIT_OK, EXIT_INPUT, EXIT_USAGE, EXIT_BUNDLE = 0, 1, 2, 3

COMMANDS = {
    "classify": ("critech.commands.classify", "classify a text, a file or standard input"),
    "batch": ("critech.commands.batch", "classify document dumps of any size, resumable"),
    "certify-fast": ("critech.commands.certify_fast", "certify batch --fast on a sample of texts"),
    "screen": ("critech.commands.screen", "screen patent filings against the 25 fields"),
    "serve": ("critech_service.command", "serve the HTTP API"),
    "keys": ("critech_service.keys_command", "create, list and revoke API keys"),
    "audit": ("critech.commands.audit", "verify the audit log of screening; override a verdict"),
    "bundle": ("critech.commands.bundle", "verify, show, install, roll back and sign bundles"),
    "feedback": ("critech.commands.feedback", "collect reviewers' corrections"),
    "labels": ("critech.commands.labels", "list, show, check and export the taxonomies"),
    "train": ("critech_training.commands.train", "train a bundle from the corpus"),
    "distil": ("critech_training.commands.distil", "give a bundle a student, for batch --fast"),
    "corpus": ("critech_training.commands.corpus", "check and count a training corpus"),
    "evaluate": ("critech_training.commands.evaluate", "evaluate a bundle on a labelled file"),
    "certify": (
        "critech_training.commands.certify",
        "certify the recall of screening on labelled texts",
    ),
    "cross-validate": (
        "critech_training.commands.cross_validate",
        "evaluate heads on parts of the corpus they were not fitted on",
    ),
}


def main(argv: Sequence[str] | None = None) -> int:  # noqa: PLR0911 - one for each outcome
    """Run the command line and return its exit code: 0, 1 input, 2 usage, 3 bundle. Without
    ``argv`` the process is this command's own: none of its memory is to end in a core dump, and
    what it says may go unread."""
    if argv is None:
        forbid_core_dumps()
        settle_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    except BundleError as error:
        return _fail(str(error), EXIT_BUNDLE)
    except UnknownTaxonomyError as error:
        return _fail(f"--taxonomy: {error.problem}", EXIT_INPUT)
    except CritechError as error:
        return _fail(str(error), EXIT_INPUT)
    except BrokenPipeError as error:
        if not is_unheard(sys.stdout):
            return _fail(f"unexpected {type(error).__name__}", EXIT_INPUT)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except (SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # its message, like that of a panic, may quote a text
        return _fail(f"unexpected {type(error).__name__}{_reason(error)}", EXIT_INPUT)


def _run(arguments: list[str]) -> int:
    parser = _parser()
    if not arguments or arguments[0] in ("-h", "--help", "--version"):
        parser.parse_args(arguments or ["--help"])
        return EXIT_OK
    if arguments[0] not in COMMANDS:
        parser.error(f"unknown command; expected one of {', '.join(COMMANDS)}")
    run = _load(arguments[0])
    return int(run(arguments[1:]))


def _parser() -> argparse.ArgumentParser:
    listing = "\n".join(f"  {name:<14} {summary}" for name, (_, summary) in COMMANDS.items())
    parser = Parser(
        prog="critech",
        description="Map patent abstracts and product descriptions onto critical-technology lists.",
        epilog=f"commands:\n{listing}\n\n`critech COMMAND --help` tells more about each.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="critech [-h] [--version] COMMAND ...",
    )
    parser.add_argument("--version", action="version", version=f"critech {__version__}")
    return parser


def _load(command: str):  # type: ignore[no-untyped-def]
    module_name = COMMANDS[command][0]
    package = module_name.partition(".")[0]
    if find_spec(package) is None:
        raise CritechError(f"`critech {command}` needs the package {package}")
    try:
        return importlib.import_module(module_name).run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("critech", "critech_labels"):
            raise
        extra = "service" if package == "critech_service" else "training"
        raise CritechError(
            f"`critech {command}` needs the package {error.name}: pip install 'critech[{extra}]'"
        ) from None


def _reason(error: BaseException) -> str:
    """Return what the system says of an error of its own, in the system's words alone."""
    number = error.errno if isinstance(error, OSError) else None
    return "" if number is None else f" ({os.strerror(number)})"


def _fail(message: str, code: int) -> int:
    print(f"critech: {message}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
