//! Sessions in tables of the schema.

mod documents;
mod store;
mod wire;

pub use documents::PostgresDocuments;
pub use store::PostgresSessionStore;
