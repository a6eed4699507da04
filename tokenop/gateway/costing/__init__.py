"""What the calls of a period cost, who spent it, and what the caches and the routing saved of it."""
