"""The parts of the page: each a function from the document to texts, tables and what charts are drawn from."""
