"""Charts as inline SVG that take their colours from the page's style; one file a chart."""
