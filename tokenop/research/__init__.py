"""What is tried out on recorded outcomes before anything is sent elsewhere."""
