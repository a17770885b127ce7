"""Tables that need not fit into memory: columns in files, their types, and the parts written from them."""
