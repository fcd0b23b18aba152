"""`python -m tunewright` is `tunewright`.

In: the words after it. Out: the exit code. Its own file because Python looks for it here.
"""

from __future__ import annotations

import sys

from tunewright.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
