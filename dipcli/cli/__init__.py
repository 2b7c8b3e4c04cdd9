"""The command line: parse, call, print. The only room that knows typer and rich."""

import sys


def main() -> None:
    """Run `dip`; what is imported here is imported late, so that Ctrl-C is quiet from the start."""
    try:
        from dipcli import stdio

        stdio.open_missing()  # before any other file is opened
        from dipcli.cli.app import run

        run()
    except KeyboardInterrupt:
        sys.exit(130)
