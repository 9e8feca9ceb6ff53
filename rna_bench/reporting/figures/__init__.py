"""Records -> figures in PNG, SVG and PDF. Everything in a figure comes from the records."""
