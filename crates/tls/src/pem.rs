//! Reads PEM files, and says what is wrong with those that are not right.

use std::io::ErrorKind;
use std::sync::Arc;

use panoply_core::{CertificateSource, read_file};
use rustls::InconsistentKeys;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::error::{At, Error};
use crate::info::{self, CertificateInfo, Fingerprint};
use crate::table::Entry;

/// No chain and no key comes near it; a device or a log file named by mistake does.
const MAX_LEN: u64 = 1024 * 1024;

const BEGIN: &[u8] = b"-----BEGIN ";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const CERTIFICATE: &str = "CERTIFICATE";
const PRIVATE_KEY: &str = "PRIVATE KEY";

/// Reads a whole file of at most [`MAX_LEN`] bytes.
pub(crate) fn read(at: &At) -> Result<Zeroizing<Vec<u8>>, Error> {
    let content = read_file(at.path(), MAX_LEN);
    content.map(Zeroizing::new).map_err(|error| {
        let at = at.clone();
        match error.kind() {
            ErrorKind::IsADirectory | ErrorKind::InvalidInput => Error::NotAFile { at },
            ErrorKind::FileTooLarge => Error::TooLarge { at },
            _ => at.io("read")(error),
        }
    })
}

/// What files hold, each.
pub(crate) type Contents = Vec<Zeroizing<Vec<u8>>>;

/// The contents of files, and what tells them from any other contents or failure.
pub(crate) fn look<'a>(
    files: impl IntoIterator<Item = &'a At>,
) -> (Fingerprint, Result<Contents, Error>) {
    let contents: Result<Contents, Error> = files.into_iter().map(read).collect();
    let seen = match &contents {
        Ok(contents) => {
            let each = contents.iter().map(|content| Fingerprint::of(content));
            let all: Vec<u8> = each.flat_map(|one| *one.as_bytes()).collect();
            Fingerprint::of(&Zeroizing::new(all))
        }
        Err(error) => Fingerprint::of(error.to_string().as_bytes()),
    };
    (seen, contents)
}

/// All certificates of a PEM file, the server's own first.
pub(crate) fn chain(pem: &[u8], at: &At) -> Result<Vec<CertificateDer<'static>>, Error> {
    check_armour(pem, at, CERTIFICATE)?;
    let mended = lines(pem);
    let pem = mended.as_ref().map_or(pem, |mended| mended.as_slice());
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|source| Error::Damaged {
            at: at.clone(),
            source,
        })?;
    if chain.is_empty() {
        return Err(Error::Lacks {
            at: at.clone(),
            wanted: "certificate (`-----BEGIN CERTIFICATE-----`)",
            hint: if has(pem, PRIVATE_KEY) {
                ", but a private key; were `certificate` and `key` swapped?"
            } else {
                ""
            },
        });
    }
    Ok(chain)
}

/// The first private key of a PEM file: PKCS #8, PKCS #1 or SEC 1.
pub(crate) fn private_key(pem: &[u8], at: &At) -> Result<PrivateKeyDer<'static>, Error> {
    check_armour(pem, at, PRIVATE_KEY)?;
    if has(pem, "ENCRYPTED PRIVATE KEY") || contains(pem, b"Proc-Type: 4,ENCRYPTED") {
        return Err(Error::EncryptedKey { at: at.clone() });
    }
    let mended = lines(pem);
    let pem = mended.as_ref().map_or(pem, |mended| mended.as_slice());
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(key) => Ok(key),
        Err(rustls_pki_types::pem::Error::NoItemsFound) => Err(Error::Lacks {
            at: at.clone(),
            wanted: "private key (`-----BEGIN PRIVATE KEY-----`)",
            hint: if has(pem, CERTIFICATE) {
                ", but a certificate; were `certificate` and `key` swapped?"
            } else {
                ""
            },
        }),
        Err(source) => Err(Error::Damaged {
            at: at.clone(),
            source,
        }),
    }
}

/// Puts a chain and its key together, if they belong together.
pub(crate) fn entry(
    certificate: (&At, &[u8]),
    key: (&At, &[u8]),
    source: CertificateSource,
    provider: &CryptoProvider,
) -> Result<Arc<Entry>, Error> {
    let chain = chain(certificate.1, certificate.0)?;
    let infos = chain.iter().zip(1..).map(|(der, position)| {
        CertificateInfo::read(der, source).map_err(|source| Error::Certificate {
            at: certificate.0.clone(),
            position,
            source,
        })
    });
    let infos = infos.collect::<Result<Vec<_>, _>>()?;
    let lacks = info::lacking(&chain);
    let private_key = private_key(key.1, key.0)?;
    let pair = CertifiedKey::from_der(chain, private_key, provider).map_err(|source| {
        let at = key.0.clone();
        match source {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Error::Mismatch {
                at,
                certificate: certificate.0.path().to_owned(),
            },
            rustls::Error::InvalidCertificate(_) => Error::Unfit {
                at: certificate.0.clone(),
                source,
            },
            source => Error::Key { at, source },
        }
    })?;
    let info = infos.into_iter().next().ok_or_else(|| Error::Empty {
        at: certificate.0.clone(),
        label: CERTIFICATE,
    })?;
    Ok(Arc::new(Entry {
        key: Arc::new(pair),
        info: info.lacking(lacks),
    }))
}

fn check_armour(pem: &[u8], at: &At, label: &'static str) -> Result<(), Error> {
    let at = || at.clone();
    if pem.trim_ascii().is_empty() {
        Err(Error::Empty { at: at(), label })
    } else if contains(pem, BEGIN) {
        Ok(())
    } else if is_der(pem) {
        let kind = match (is_pkcs12(pem), label) {
            // With both in it, which either key may name.
            (true, _) => "pkcs12 -nodes",
            (_, CERTIFICATE) => "x509 -inform DER",
            _ => "pkey -inform DER",
        };
        let (at, path) = (at(), at().path().display().to_string());
        let command = format!("openssl {kind} -in {path} -out {path}.pem");
        Err(Error::Der { at, command })
    } else {
        Err(Error::NotPem { at: at(), label })
    }
}

/// The same with each `-----BEGIN …` on a line of its own, where that was lost: files were put together of which one
/// ends without a line feed, or with a space in its place, or begins with a byte order mark. What stands there is
/// passed over otherwise, so that a chain lacks its second certificate, and nobody is told.
fn lines(pem: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t');
    let is_glued = |at: usize| {
        let before = pem.get(..at).unwrap_or_default();
        let spaces = before.iter().rev().take_while(is_space).count();
        let before = before.get(..at - spaces).unwrap_or_default();
        before.ends_with(b"-----") || before.ends_with(BYTE_ORDER_MARK)
    };
    let mut lines = Zeroizing::new(Vec::new());
    let mut from = 0;
    for (at, window) in pem.windows(BEGIN.len()).enumerate() {
        if window == BEGIN && is_glued(at) {
            if from == 0 {
                // All of it at once, or a key would be left where it was before.
                lines.reserve(2 * pem.len());
            }
            lines.extend_from_slice(pem.get(from..at).unwrap_or_default());
            lines.push(b'\n');
            from = at;
        }
    }
    (from > 0).then(|| {
        lines.extend_from_slice(pem.get(from..).unwrap_or_default());
        lines
    })
}

/// Whether it begins as a SEQUENCE whose length in two bytes or one fits (X.690 §8.1).
fn is_der(bytes: &[u8]) -> bool {
    match bytes {
        [0x30, 0x82, high, low, rest @ ..] => {
            rest.len() >= usize::from(u16::from_be_bytes([*high, *low]))
        }
        [0x30, 0x81, length, rest @ ..] => rest.len() >= usize::from(*length),
        [0x30, length, rest @ ..] => *length < 0x80 && rest.len() >= usize::from(*length),
        _ => false,
    }
}

/// Whether a SEQUENCE is a PFX: it begins with the version 3, as no certificate and no key does (RFC 7292 §4).
fn is_pkcs12(bytes: &[u8]) -> bool {
    let ([0x30, 0x82, _, _, content @ ..]
    | [0x30, 0x81, _, content @ ..]
    | [0x30, _, content @ ..]) = bytes
    else {
        return false;
    };
    content.starts_with(&[0x02, 0x01, 0x03])
}

fn has(pem: &[u8], label: &str) -> bool {
    contains(pem, format!("{label}-----").as_bytes())
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
