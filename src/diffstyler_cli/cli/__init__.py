"""The command line: parse, call the pipeline, render. `console.py` is the only module that prints."""
