//! Local users in SQLite and in a PostgreSQL that the tests start themselves.
#![cfg(test)]

mod both;
mod postgres;
mod sqlite;
