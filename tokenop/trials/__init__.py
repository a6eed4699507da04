"""Trying templates out: what the engine says of them on the reference workloads, and what their patches do."""
