"""What a changed routing config does to cost, latency and quality, before it is merged.

Every call of a log, of a shared workload or of a reference workload is routed twice, by the config as it was and as it
would be, in SQL: the predicates of a config are SQL. What differs is priced; what cannot be priced is counted.
"""
