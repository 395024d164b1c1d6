"""`python -m diffstyler_cli`: the same as `diffstyler`."""

from .cli.app import main

main()
