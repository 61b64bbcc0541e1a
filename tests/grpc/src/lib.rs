//! A gRPC service behind the same layer as an HTTP service: see `tests/grpc`.
