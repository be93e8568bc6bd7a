//! File descriptors: as many as the system lets this process have.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the soft limit, which is 1,024 in most places and there for programs of another time, to the
/// hard one, and tells when that is too low for `connections`: each may take one, and one to the app.
pub(crate) fn raise(connections: u32) {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "the limit on file descriptors stays as it is");
        }
    }
    let most = getrlimit(Resource::Nofile).current;
    let wanted = u64::from(connections) * 2;
    if let Some(most) = most.filter(|most| *most < wanted) {
        tracing::warn!(
            "`limits.connections` is {connections}, which may take {wanted} file descriptors, and this \
             process may have {most}: idle connections will have to make room. Raise the limit \
             (`LimitNOFILE=` in a unit, `ulimit -Hn`), or lower `limits.connections`"
        );
    }
}
