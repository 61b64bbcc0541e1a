//! The same requests to every example service, and the same bytes back: see `tests/parity`.
