//! Sessions in tables of the schema.

mod store;
mod wire;

pub use store::PostgresSessionStore;
