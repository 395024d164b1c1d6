"""The networks: two original diffusion networks, the built-in ones, and the components that the losses read."""
