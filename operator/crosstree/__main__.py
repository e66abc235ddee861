"""`python -m crosstree`: the command line."""

from crosstree.cli.main import entry

if __name__ == "__main__":
    entry()
