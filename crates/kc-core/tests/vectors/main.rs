//! Signatures made by others: Project Wycheproof's, and the examples of the standards.
//!
//! Each goes the way a token's does: a JWK set is read, or a PEM, the key is found by `kid` and `alg`, and verifies.
#![cfg(test)]

mod ecdsa;
mod eddsa;
mod rfc7515;
mod rfc7520;
mod rfc8037;
mod rsa_pkcs1;
mod rsa_pss;
mod verifier;
