"""Makes `python -m service.cli` the same as `gatehouse`."""

from service.cli import main

main(prog_name="gatehouse")
