"""Reports: one structure in, JSON, Markdown and a self-contained HTML page out."""
