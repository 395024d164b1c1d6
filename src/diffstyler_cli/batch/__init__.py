"""Many pictures in one run: which photos, under which names, what is there already, the engine, the account of it all.

Knows no terminal. A job is plain data; an engine carries jobs out; the same jobs give the same files and the same
account, whichever engine does.
"""
