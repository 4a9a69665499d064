"""``aiops``: run a job by hand, look at what came out, check a configuration, read a contract.

Results go to standard output, everything else to standard error. The exit code tells who must act: see
``aiops_jobs.errors``.
"""

from __future__ import annotations

import sys

from cyclopts import App

from aiops_jobs import __version__
from aiops_jobs.cli import estate, feedback, proposals, run, runbooks, show, tickets
from aiops_jobs.errors import AiopsError

app = App(name="aiops", help=__doc__.split("\n\n")[0], version=__version__, version_flags=["--version"])
app.command(estate.demo)
app.command(run.run)
app.command(run.backfill)
app.command(run.check)
app.command(show.tables)
app.command(show.explain)
app.command(show.models)
app.command(show.causes)
app.command(tickets.app)
app.command(feedback.label)
app.command(show.quarantine)
app.command(runbooks.knowledge)
app.command(runbooks.app)
app.command(proposals.proposals)
app.command(run.report)
app.command(estate.simulate)


def main() -> None:
    """Run ``aiops`` with the arguments of the process."""
    try:
        app()
    except AiopsError as error:
        print(f"aiops: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("aiops: interrupted; what was finished is kept, the rest can be run again", file=sys.stderr)
        sys.exit(130)
