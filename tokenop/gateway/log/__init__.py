"""The event log of the gateway: segments of JSON lines as they come, Parquet once their day is over."""
