"""Reports of finished and unfinished fits: rows, a document for programs, a page for people."""
