"""From numbers to tables, as Markdown, CSV and LaTeX."""
