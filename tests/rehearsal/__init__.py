"""The whole pull-request flow on this machine."""
