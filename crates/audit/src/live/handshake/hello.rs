//! The first message of a handshake (RFC 5246 §7.4.1.2, RFC 6101 §5.6.1.2).

/// What a client offers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hello<'a> {
    pub(crate) version: u16,
    pub(crate) suites: &'a [u16],
    /// The name that is asked for; none of an address.
    pub(crate) host: Option<&'a str>,
}

const SERVER_NAME: u16 = 0;
const GROUPS: u16 = 10;
const POINT_FORMATS: u16 = 11;
const SIGNATURES: u16 = 13;
const RENEGOTIATION: u16 = 0xff01;

impl Hello<'_> {
    /// The message in its record; none if something in it is too long for its field.
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        let mut random = [0x5a; 32];
        // Nothing secret hangs on it: the handshake ends with the answer.
        getrandom::fill(&mut random).ok();
        let mut body = self.version.to_be_bytes().to_vec();
        body.extend(random);
        body.push(0);
        let suites: Vec<u8> = self
            .suites
            .iter()
            .flat_map(|suite| suite.to_be_bytes())
            .collect();
        body.extend(two(&suites)?);
        body.extend([1, 0]);
        // SSL 3 has no extensions, and some servers of its time stumble over them.
        if self.version > 0x0300 {
            body.extend(two(&self.extensions()?)?);
        }
        let mut message = vec![1, 0];
        message.extend(two(&body)?);
        let record = self.version.min(0x0301);
        let mut bytes = vec![22];
        bytes.extend(record.to_be_bytes());
        bytes.extend(two(&message)?);
        Some(bytes)
    }

    fn extensions(&self) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        if let Some(host) = self.host {
            let mut name = vec![0];
            name.extend(two(host.as_bytes())?);
            all.extend(extension(SERVER_NAME, &two(&name)?)?);
        }
        // x25519, P-256, P-384, P-521.
        all.extend(extension(GROUPS, &two(&[0, 29, 0, 23, 0, 24, 0, 25])?)?);
        all.extend(extension(POINT_FORMATS, &[1, 0])?);
        all.extend(extension(RENEGOTIATION, &[0])?);
        if self.version == 0x0303 {
            // RSA-PSS, then SHA-512 to SHA-1 with RSA, DSA and ECDSA.
            let mut pairs = vec![8, 4, 8, 5, 8, 6];
            for hash in [6, 5, 4, 3, 2] {
                pairs.extend([hash, 1, hash, 2, hash, 3]);
            }
            all.extend(extension(SIGNATURES, &two(&pairs)?)?);
        }
        Some(all)
    }
}

fn extension(kind: u16, content: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = kind.to_be_bytes().to_vec();
    bytes.extend(two(content)?);
    Some(bytes)
}

/// Bytes behind their length in two bytes.
fn two(content: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = u16::try_from(content.len()).ok()?.to_be_bytes().to_vec();
    bytes.extend(content);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_what_follows() {
        for (version, host) in [
            (0x0300, None),
            (0x0301, Some("a.test")),
            (0x0303, Some("a.test")),
        ] {
            let suites = [0x002f, 0x0035];
            let bytes = Hello {
                version,
                suites: &suites,
                host,
            }
            .bytes()
            .unwrap();
            let number = |at: usize| usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
            assert_eq!(bytes[0], 22);
            assert_eq!(number(3), bytes.len() - 5);
            assert_eq!((bytes[5], bytes[6], number(7)), (1, 0, bytes.len() - 9));
            assert_eq!(number(9), usize::from(version));
            // After version, random and the empty session: the suites.
            assert_eq!((bytes[43], number(44), number(46)), (0, 4, 0x002f));
            let end = 50 + 2;
            if version == 0x0300 {
                assert_eq!(bytes.len(), end);
            } else {
                assert_eq!(number(end), bytes.len() - end - 2);
            }
        }
    }

    #[test]
    fn rustls_reads_it() {
        let hello = Hello {
            version: 0x0303,
            suites: &[0xc02f, 0xc02b],
            host: Some("a.test"),
        };
        let mut acceptor = rustls::server::Acceptor::default();
        let bytes = hello.bytes().unwrap();
        acceptor.read_tls(&mut bytes.as_slice()).unwrap();
        let accepted = acceptor
            .accept()
            .map_err(|(error, _)| error)
            .unwrap()
            .unwrap();
        assert_eq!(accepted.client_hello().server_name(), Some("a.test"));
        assert_eq!(accepted.client_hello().cipher_suites().len(), 2);
    }
}
