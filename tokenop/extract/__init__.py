"""The network step: fetches what a collector's manifest declares into files that `discover` reads."""
