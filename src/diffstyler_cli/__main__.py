"""`python -m diffstyler_cli` and the console's `diffstyler`: Ctrl-C is quiet from the first import on."""

import sys


def main() -> None:
    """Console entry point."""
    try:
        from .threads import settle

        settle()  # before torch
        from .cli.app import main as command  # takes a while: inside, so that Ctrl-C meanwhile is caught

        command()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
