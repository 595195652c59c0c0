"""What the compiler makes of many operators, stored, so that a change of structure shows.

Plans and emitted source are compared as text, numbers to rounding. `python -m tests.frozen`
writes `frozen.json` anew; a commit that changes it says why. In it are

* the corpus, written out in three components, and its records with sums as they are held,
* the rows of the channel table, planned by every strategy,
* the estimators of `tests/statistical`, at one fixed key.
"""
