"""What may be spent: limits by day and month over all processes of a machine, and whoever suddenly spends too much."""
