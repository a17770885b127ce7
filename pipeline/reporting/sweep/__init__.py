"""What the jobs of a sweep came to: which are best, which settings matter, and all of it in words and as a table."""
