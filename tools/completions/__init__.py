"""The completion files of bash, zsh and fish, by `python -m tools.completions [--check]`.

They are static: what they offer is taken from the commands, the registries and the builtin images
when they are made, and completing starts neither Python nor `dip`. How a shell completes is in the
`template` of each shell; the facts are collected in `known.py`, written as the shell has them by
`bash.py`, `zsh.py` and `fish.py`, and put in place of the template's line `@FACTS@`.

In all three, what can be typed in a place is written as a list of these:

    png                                  a word
    impulse:<FRACTION>,mode=dots|lines   a word with a value, and keys with their choices
    <PATH>                               the name of a file, alone or as a value
    ,                                    comes first: several of them, with commas between
"""
