//! TLS handshakes a second, full and resumed, beside nginx, haproxy and caddy.

use std::fmt::Write as _;
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue};
use rustls::client::{Tls13ClientSessionValue, WebPkiServerVerifier};
use rustls::crypto::aws_lc_rs::{default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, HandshakeKind, NamedGroup,
    RootCertStore, SignatureScheme,
};

use super::peers::{self, Duty, Peer};
use super::{Options, backend, certificate, middle, replace_section};

/// The section's title.
const TITLE: &str = "## TLS handshakes";

/// What the proxies do beside shaking hands.
const DUTY: Duty = Duty {
    tls: true,
    full: false,
};

/// Clients that shake hands one after the other, each.
const CLIENTS: usize = 8;

/// Longest for one handshake.
const PATIENCE: Duration = Duration::from_secs(10);

/// How hands are shaken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// A new session, over X25519.
    Full,
    /// A new session, over X25519MLKEM768, which Panoply puts first.
    Hybrid,
    /// A session of before, over X25519.
    Resumed,
}

/// The medians of one proxy.
#[derive(Debug)]
struct Row {
    peer: Peer,
    how: How,
    second: f64,
    micros: f64,
}

/// Measures, prints, and writes its section of `docs/benchmarks.md`.
pub(super) fn run(options: Options, program: &Path) -> Result<()> {
    let app = backend::start()?;
    let scratch = tempfile::tempdir()?;
    certificate(scratch.path())?;
    let pem = std::fs::read(scratch.path().join("cert.pem"))?;
    let root = CertificateDer::from_pem_slice(&pem).context("the certificate that was made")?;
    let all = [Peer::Panoply, Peer::Nginx, Peer::Haproxy, Peer::Caddy];
    let mut rows = Vec::new();
    for how in [How::Full, How::Hybrid, How::Resumed] {
        let mut samples = all.map(|peer| (peer, Vec::new()));
        for round in 0..options.rounds {
            for (peer, samples) in &mut samples {
                if how == How::Hybrid && *peer != Peer::Panoply {
                    continue;
                }
                eprintln!("round {}, {how:?}: {}", round + 1, peer.name());
                let running = peers::start(*peer, program, app, DUTY, scratch.path())?;
                let address = running.address()?;
                let clients = (0..CLIENTS).map(|_| Client::new(how, &root, address));
                let clients = clients.collect::<Result<Vec<_>>>()?;
                // Before it is counted: warm, and with a session to come back to.
                for client in &clients {
                    client.greet(HandshakeKind::Full)?;
                }
                let before = running.cpu();
                let (count, took) = load(&clients, how, options.seconds)?;
                let spent = running.cpu() - before;
                samples.push((count / took, spent * 1e6 / count));
            }
        }
        for (peer, samples) in samples {
            if !samples.is_empty() {
                rows.push(Row {
                    peer,
                    how,
                    second: middle(samples.iter().map(|(second, _)| *second)),
                    micros: middle(samples.iter().map(|(_, micros)| *micros)),
                });
            }
        }
    }
    let section = section(options, &rows);
    print!("{section}");
    replace_section(TITLE, &section)
}

/// Shakes hands for some seconds; gives how often, and in how many seconds.
fn load(clients: &[Client], how: How, seconds: u32) -> Result<(f64, f64)> {
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let wanted = match how {
        How::Resumed => HandshakeKind::Resumed,
        How::Full | How::Hybrid => HandshakeKind::Full,
    };
    #[expect(clippy::disallowed_methods, reason = "this is what is measured")]
    let started = Instant::now();
    let failures = thread::scope(|scope| {
        let clients: Vec<_> = clients
            .iter()
            .map(|client| {
                let (stop, count) = (&stop, &count);
                scope.spawn(move || -> Result<()> {
                    while !stop.load(Ordering::Relaxed) {
                        client.greet(wanted)?;
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        thread::sleep(Duration::from_secs(u64::from(seconds)));
        stop.store(true, Ordering::Relaxed);
        let ended = clients.into_iter().map(|client| match client.join() {
            Ok(ended) => ended,
            Err(_) => bail!("a client ended by a panic"),
        });
        ended.collect::<Result<Vec<()>>>()
    });
    failures?;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let count = count.load(Ordering::Relaxed) as f64;
    Ok((count, started.elapsed().as_secs_f64()))
}

/// One client, which remembers its tickets.
struct Client {
    config: Arc<ClientConfig>,
    address: SocketAddr,
    tickets: Option<Arc<Tickets>>,
}

impl Client {
    fn new(how: How, root: &CertificateDer<'static>, address: SocketAddr) -> Result<Self> {
        let group: &'static dyn SupportedKxGroup = match how {
            How::Hybrid => kx_group::X25519MLKEM768,
            How::Full | How::Resumed => kx_group::X25519,
        };
        let provider = CryptoProvider {
            kx_groups: vec![group],
            ..default_provider()
        };
        let provider = Arc::new(provider);
        let mut roots = RootCertStore::empty();
        roots.add(root.clone())?;
        let inner =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Signed(inner)))
            .with_no_client_auth();
        let tickets = (how == How::Resumed).then(Arc::<Tickets>::default);
        config.resumption = match &tickets {
            Some(tickets) => Resumption::store(Arc::clone(tickets) as _),
            None => Resumption::disabled(),
        };
        Ok(Self {
            config: Arc::new(config),
            address,
            tickets,
        })
    }

    /// One connection: the handshake, a ticket where one is to be used, and the end, which the proxy
    /// answers once it is through with it.
    fn greet(&self, wanted: HandshakeKind) -> Result<()> {
        let mut socket = TcpStream::connect(self.address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let name = ServerName::try_from("localhost")?;
        let mut session = ClientConnection::new(Arc::clone(&self.config), name)?;
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        ensure!(session.handshake_kind() == Some(wanted), "not {wanted:?}");
        while self
            .tickets
            .as_ref()
            .is_some_and(|tickets| tickets.is_empty())
        {
            ensure!(session.read_tls(&mut socket)? > 0, "no ticket has come");
            session.process_new_packets()?;
        }
        session.send_close_notify();
        while session.wants_write() {
            session.write_tls(&mut socket)?;
        }
        let mut rest = [0; 4096];
        // What is left are tickets and its own end; some reset, since there was no request.
        while socket.read(&mut rest).is_ok_and(|read| read > 0) {}
        Ok(())
    }
}

/// Checks the signature of the handshake, and takes the certificate as it is: it signed itself.
#[derive(Debug)]
struct Signed(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for Signed {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// The tickets of one client, each used once.
#[derive(Debug, Default)]
struct Tickets(Mutex<Vec<Tls13ClientSessionValue>>);

impl Tickets {
    fn all(&self) -> MutexGuard<'_, Vec<Tls13ClientSessionValue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        self.all().is_empty()
    }
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        let mut all = self.all();
        all.clear();
        all.push(value);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.all().pop()
    }
}

fn section(options: Options, rows: &[Row]) -> String {
    let Options {
        seconds, rounds, ..
    } = options;
    let (command, told) = (options.command("handshakes"), options.build().told());
    let peers = [Peer::Nginx, Peer::Haproxy, Peer::Caddy];
    let versions = peers.map(|peer| format!("{} {}", peer.name(), peer.version()));
    let versions = versions.join(", ");
    let mut text = format!(
        "{TITLE}\n\n\
         Made by `{command}`: {CLIENTS} clients \
         that connect, shake hands by TLS 1.3 and go, an ECDSA certificate (P-256), X25519; {rounds} \
         rounds of {seconds} s in which all take turns; medians. The clients run on the same cores, so \
         that the time of the processor in the proxy itself tells more than handshakes a second. \
         {told}; {versions}.\n\n\
         | | | handshakes/s | to nginx | µs each in the proxy | to nginx |\n|---|---|---|---|---|---|\n"
    );
    for row in rows {
        let base = match row.how {
            How::Hybrid => How::Full,
            how => how,
        };
        let nginx = { rows.iter() }.find(|other| other.peer == Peer::Nginx && other.how == base);
        let (second, micros) = nginx.map_or((1.0, 1.0), |row| (row.second, row.micros));
        let how = match row.how {
            How::Full => "full",
            How::Hybrid => "full, X25519MLKEM768",
            How::Resumed => "resumed",
        };
        let _ = writeln!(
            text,
            "| {how} | {} | {:.0} | {:.2} | {:.0} | {:.2} |",
            row.peer.name(),
            row.second,
            row.second / second,
            row.micros,
            row.micros / micros,
        );
    }
    text
}
