//! What outlasts a reload of the configuration.

use crate::challenges::Challenges;
use crate::tickets::Tickets;

/// What listeners of an earlier configuration and of the next one have in common: orders that are
/// under way, and sessions that clients come back to. Clones share it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Lasting {
    /// What ACME directories look for.
    pub challenges: Challenges,
    /// The keys of session tickets.
    pub tickets: Tickets,
}
