//! Device cookies: a browser that has logged in before has a lane of its own.
//!
//! After OWASP, "Slow Down Online Guessing Attacks with Device Cookies".

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use panoply_core::{CounterKey, CounterKeys, Secret};

use crate::Error;

/// A browser that a user has logged in from before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    user: CounterKey,
    id: [u8; 16],
}

impl Device {
    pub(super) const fn user(&self) -> CounterKey {
        self.user
    }

    pub(super) const fn id(&self) -> &[u8] {
        &self.id
    }
}

/// Seals device cookies with AES-256-GCM.
pub(super) struct DeviceSeal(RandomizedNonceKey);

impl fmt::Debug for DeviceSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceSeal(…)")
    }
}

const BOUND_TO: &[u8] = b"panoply device cookie 1";

/// The keys for all counters of nodes that share this secret, of 16 bytes at least.
///
/// # Errors
///
/// When the secret is too short.
pub fn counter_keys(secret: &Secret) -> Result<CounterKeys, Error> {
    derive(secret).map(|(keys, _)| keys)
}

/// The keys for counters and for device cookies, which must not be one.
pub(super) fn derive(secret: &Secret) -> Result<(CounterKeys, DeviceSeal), Error> {
    if secret.expose().len() < 16 {
        return Err(Error::Value {
            key: "secret",
            problem: format!("has {} bytes", secret.expose().len()),
            example: "16 random bytes or more",
        });
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
    let counters = hmac::sign(&key, b"panoply counter keys 1");
    let half = counters
        .as_ref()
        .get(..16)
        .and_then(|half| half.try_into().ok());
    let devices = hmac::sign(&key, BOUND_TO);
    let seal = RandomizedNonceKey::new(&AES_256_GCM, devices.as_ref());
    let (Some(half), Ok(seal)) = (half, seal) else {
        return Err(Error::NoRandom);
    };
    Ok((CounterKeys::new(half), DeviceSeal(seal)))
}

impl DeviceSeal {
    /// A cookie for `user`: the device's own again, or that of a new one.
    pub(super) fn seal(&self, user: CounterKey, device: Option<Device>) -> Option<String> {
        let id = if let Some(device) = device.filter(|device| device.user == user) {
            device.id
        } else {
            let mut id = [0; 16];
            aws_lc_rs::rand::fill(&mut id).ok()?;
            id
        };
        let mut sealed = user.to_bits().to_be_bytes().to_vec();
        sealed.extend(id);
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(BOUND_TO), &mut sealed)
            .ok()?;
        let mut cookie = nonce.as_ref().to_vec();
        cookie.extend(sealed);
        Some(URL_SAFE_NO_PAD.encode(cookie))
    }

    pub(super) fn open(&self, cookie: &str) -> Option<Device> {
        // 12 bytes of nonce, 32 of content and 16 of tag are 80 characters.
        if cookie.len() != 80 {
            return None;
        }
        let mut cookie = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let (nonce, sealed) = cookie.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self
            .0
            .open_in_place(nonce, Aad::from(BOUND_TO), sealed)
            .ok()?;
        let (user, id) = opened.split_at_checked(16)?;
        Some(Device {
            user: CounterKey::from_bits(u128::from_be_bytes(user.try_into().ok()?)),
            id: id.try_into().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_opens_and_a_forged_one_does_not() {
        let (keys, seal) = derive(&Secret::new(vec![1; 32])).unwrap();
        let user = keys.key("user", &[b"alice"]);
        let cookie = seal.seal(user, None).unwrap();
        let device = seal.open(&cookie).unwrap();
        assert_eq!(device.user, user);
        let again = seal.seal(user, Some(device)).unwrap();
        assert_ne!(again, cookie);
        assert_eq!(seal.open(&again), Some(device));
        for place in 0..cookie.len() {
            let mut forged = cookie.clone().into_bytes();
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(seal.open(&forged), None, "{place}");
        }
        let (_, other) = derive(&Secret::new(vec![2; 32])).unwrap();
        assert_eq!(other.open(&cookie), None);
        assert!(derive(&Secret::new(vec![1; 15])).is_err());
    }

    proptest::proptest! {
        #[test]
        fn each_user_has_devices_of_their_own(name: Vec<u8>, other: Vec<u8>) {
            let (keys, seal) = derive(&Secret::new(vec![1; 32])).unwrap();
            let (user, other) = (keys.key("user", &[&name]), keys.key("user", &[&other]));
            let device = seal.open(&seal.seal(user, None).unwrap()).unwrap();
            proptest::prop_assert_eq!(device.user, user);
            let theirs = seal.open(&seal.seal(other, Some(device)).unwrap()).unwrap();
            proptest::prop_assert_eq!(theirs.user, other);
            proptest::prop_assert_eq!(theirs.id == device.id, other == user);
        }
    }
}
