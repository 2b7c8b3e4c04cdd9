"""Reports of fits: a table of runs, a document for programs, a page for readers."""
