"""Run all notebooks: the same as `fraudops run`. `python run_all.py --help` lists the options."""

import sys

from fraudops.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
