"""How a fit descends: a file per optimiser."""
