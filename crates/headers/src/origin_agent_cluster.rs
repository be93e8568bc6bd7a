//! `Origin-Agent-Cluster`: whether an origin is kept apart from others of its site.
//!
//! HTML §7.1.2. Stricter first: `?1`, `?0`.

use crate::keyword::keywords;

keywords! {
    /// Whether the origin asks for a process of its own. Default: `?1`.
    #[derive(Default)]
    pub enum OriginAgentCluster, "an Origin-Agent-Cluster" {
        /// Apart from other origins of the same site.
        #[default]
        Keyed = "?1",
        /// Together with them, so that `document.domain` can be set.
        Shared = "?0",
    }
}
