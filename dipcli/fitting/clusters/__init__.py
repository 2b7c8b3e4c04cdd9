"""Where fits are done other than on this machine: of `--cluster`, a file for each."""
