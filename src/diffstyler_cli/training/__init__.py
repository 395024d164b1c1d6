"""How the built-in networks are made: `python -m diffstyler_cli.training`. Nothing at run time imports it."""
