"""The page's templates, style and script, and what fills them."""
