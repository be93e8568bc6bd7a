//! Random bytes of the operating system.

/// Why a value could not be made: the operating system gave no random bytes.
pub(crate) type NoRandom = getrandom::Error;

/// `N` random bytes.
///
/// # Errors
///
/// When the operating system has none, which on Linux happens only before its pool is first filled.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], NoRandom> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// `N` rows of `M` random bytes each, in one draw.
pub(crate) fn rows<const M: usize, const N: usize>() -> Result<[[u8; M]; N], NoRandom> {
    let mut rows = [[0; M]; N];
    getrandom::fill(rows.as_flattened_mut())?;
    Ok(rows)
}
