//! axum-service
fn main() {}
