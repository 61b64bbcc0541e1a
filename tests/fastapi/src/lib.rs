//! Nothing but tests: [`tests/conformance`](../tests/conformance/main.rs) runs the suite against `service.py`.
