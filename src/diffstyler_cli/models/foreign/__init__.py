"""Networks of others, in the folders that diffusers saves: what is in one, whether it fits, and how it is loaded."""
