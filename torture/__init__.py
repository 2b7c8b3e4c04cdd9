"""Try to break `dip`: a file per way to do it, in many numbered cases: `make torture`.

A class of cases is a module with a docstring, whose first line says what is tried; `CASES`, how
many; `QUICK`, how many of them `make test` tries; and `case(place, draw)`, which raises Broken if
`dip` broke, and else returns a word or two for the tally, such as "refused".
"""

CLASSES = (
    "kills",
    "writers",
    "failures",
    "disks",
    "resources",
    "pictures",
    "damage",
    "bombs",
    "names",
    "values",
    "numbers",
    "pipes",
    "supply",
)
