//! Settings as the user has them that is to serve.

use super::Settings;
use crate::config::{ConfigError, Loaded};
use crate::privilege::Privilege;
use crate::surroundings::Surroundings;

impl Settings {
    /// Becomes the user that is to serve, and checks everything as that user; `again` reads the configuration once more.
    ///
    /// To be called while there is one thread.
    ///
    /// # Errors
    ///
    /// As of [`Privilege::lower`] and [`build`](Self::build), and when that user cannot read what is configured.
    pub fn build_as_user(
        mut loaded: Loaded,
        again: impl FnOnce() -> Result<Loaded, ConfigError>,
        around: &Surroundings,
    ) -> Result<(Self, Privilege), ConfigError> {
        let privilege = Privilege::lower(&loaded, &around.state)?;
        if privilege.has_changed() {
            // What cannot be read now could not be read again on a reload.
            loaded = again().map_err(|error| privilege.explain(error))?;
        }
        let settings = Self::build(&loaded, around).map_err(|error| privilege.explain(error))?;
        Ok((settings, privilege))
    }
}
