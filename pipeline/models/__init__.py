"""Model families, built from a data set's shape."""
