"""Sources: each reads one kind of data set into `Examples`."""
