"""The command line put together: every verb, and what happens to an error.

Exit codes: 0 done, 1 no (the answer is no, or it could not be done), 2 wrong usage or settings.
An error is one sentence on stderr; CROSSTREE_DEBUG=1 adds where it came from.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from crosstree.base.errors import CrosstreeError, SettingsError
from crosstree.cli import (
    bench_cluster,
    bench_placement,
    crds,
    explain,
    queues,
    run,
    simulate,
    snapshot,
    status,
    topology,
    validate,
)

app = typer.Typer(
    name="crosstree",
    help="One operator for the accelerators of a Kubernetes cluster, of any vendor.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
PYDANTIC = "Value error, "
"""What pydantic puts before a sentence that is complete without it."""

bench = typer.Typer(help="Measure decisions in this process, or jobs on a cluster.", no_args_is_help=True)

app.command("run")(run.run)
app.command("status")(status.status)
app.command("explain")(explain.explain)
app.command("queues")(queues.queues)
app.command("topology")(topology.topology)
app.command("simulate")(simulate.simulate)
app.command("snapshot")(snapshot.snapshot)
app.command("validate")(validate.validate)
app.command("crds")(crds.crds)
bench.command("placement")(bench_placement.placement)
bench.command("cluster")(bench_cluster.cluster)
app.add_typer(bench, name="bench")


def _version(wanted: bool) -> None:
    if wanted:
        from crosstree import __version__

        typer.echo(f"crosstree {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """One operator for the accelerators of a Kubernetes cluster, of any vendor."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; `argv` without the program's name, else `sys.argv`."""
    try:
        answer = app(
            args=list(argv) if argv is not None else None, prog_name=_program(), standalone_mode=False
        )
    except typer.TyperException as error:
        return _misused(error)
    except typer.Abort:
        return 1
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of a pipe has left (`| head`): nothing more to say, and nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except CrosstreeError as error:
        return _said(error, 2 if isinstance(error, SettingsError) else 1)
    except Exception as error:
        return _said(error, 1, bug=True)
    return answer if isinstance(answer, int) else 0  # the code of a verb that left by typer.Exit


def _misused(error: typer.TyperException) -> int:
    """Say in one sentence what is wrong with a command line, and where the options are told; return the exit code."""
    said = error.format_message().strip().replace(PYDANTIC, "")
    if said:  # else nothing was asked, and the help has been shown
        command = getattr(getattr(error, "ctx", None), "command_path", _program())
        sys.stderr.write(f"crosstree: {' '.join(said.split()).rstrip('.')}. See {command} --help.\n")
    return error.exit_code


def _said(error: Exception, code: int, *, bug: bool = False) -> int:
    """Write one sentence for an error and return the exit code."""
    if os.environ.get("CROSSTREE_DEBUG"):
        import traceback

        traceback.print_exception(error)
    told, cause = str(error), error.__cause__
    while isinstance(cause, CrosstreeError):  # it says the same as one of another kind
        cause = cause.__cause__
    if isinstance(cause, OSError) and cause.strerror:  # it says its number, and once more the file
        told = told.replace(str(cause), cause.strerror)
    text = " ".join(told.split()) or type(error).__name__
    if bug:
        text = f"{type(error).__name__}: {text} (unexpected; CROSSTREE_DEBUG=1 shows where)"
    sys.stderr.write(f"crosstree: {text}\n")
    return code


def _program() -> str:
    """Name this program as the user called it: kubectl finds plugins by a file name with a dash."""
    called = os.path.basename(sys.argv[0])
    return "kubectl crosstree" if called.startswith("kubectl") else "crosstree"


def entry() -> None:
    """Console script: run and exit."""
    sys.exit(main())
