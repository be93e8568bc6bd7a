//! What Linux tells of a process in a line (`proc_pid_stat(5)`).

/// The fields behind the program's name: state, parent, group, session, and so on.
pub(crate) fn fields(stat: &str) -> Option<impl Iterator<Item = &str>> {
    // The name, in brackets, may hold anything.
    let (_, behind) = stat.rsplit_once(')')?;
    Some(behind.split_whitespace())
}
