"""What a table of pitfalls is: each pitfall, and the tests that keep it away.

The numbers are those of the project's reference on the originals; what each means is said beside it.
"""

from __future__ import annotations

Table = dict[str, list[tuple[str, str]]]
"""Number and meaning -> (test file beneath tests/, name of the test or * for all of the file)."""
