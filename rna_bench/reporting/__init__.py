"""Statistics, tables, figures and a page, all from run records."""
