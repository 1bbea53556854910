"""`results`: which results have come and which have not, what was told of each, and having them read.

Results are personal. They are shown to whoever asks for one booking by its id, and logged nowhere.
"""

import typer

from adapter.cli.console import Commands
from adapter.cli.results import ask, exams, received, versions

app = typer.Typer(cls=Commands, no_args_is_help=True, help="See what came of exams, and have results read.")

app.command("list", epilog=exams.EXAMPLES)(exams.list_results)
app.command("show", epilog=versions.EXAMPLES)(versions.show)
app.command("fetch", epilog=ask.EXAMPLES)(ask.fetch)
app.command("notices", epilog=received.EXAMPLES)(received.list_notices)
