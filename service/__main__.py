"""Makes `python -m service` the same as `gatehouse`."""

from service.cli import main

main(prog_name="gatehouse")
