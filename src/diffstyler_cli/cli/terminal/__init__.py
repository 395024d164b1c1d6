"""What every command needs of the terminal: the console, errors, questions, previews, the log, quoting for a shell."""
