"""`python -m web` is the command `tongtang`."""

from web.cli import main

main(prog_name="tongtang")
