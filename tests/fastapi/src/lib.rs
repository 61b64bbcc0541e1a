//! Nothing but tests: `tests/comparison` runs the suite against `service.py`, and holds `docs/comparison.md` to it.
