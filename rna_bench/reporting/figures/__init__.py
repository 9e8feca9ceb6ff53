"""Records -> figures in PNG, SVG and PDF. Nothing in a figure comes from anywhere but a record."""
