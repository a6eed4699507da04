"""The gateway from outside: metrics, traces, a line for each call, and whether it is well."""
