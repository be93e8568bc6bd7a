//! The whole product on one page: which layer stands where, and why.

use std::sync::Arc;

use http::Extensions;
use panoply_client::{ClientLayer, ClientService};
use panoply_cookies::KeyRing;
use panoply_core::{BlockId, ClientAddress, Clock, Connection, Scheme};
use panoply_guard::{
    CookieGuardLayer, CookieGuardService, CrossSiteLayer, CrossSiteService, ReadableLayer,
    ReadableService,
};
use panoply_headers::{Headers, HeadersService};
use panoply_limits::{
    AccessLayer, AccessService, AnswerLayer, AnswerService, BlockLayer, BlockService,
    ChallengeLayer, ChallengeService, LimitLayer, LimitService, LoginLayer, LoginService,
    UserHeaders,
};
use tower::ServiceBuilder;
use tower_layer::Layer;

use crate::pages::{PagesLayer, PagesService};
use crate::trace::{Observer, TraceLayer, TraceService};

/// Every layer, ready to be worn by a service; made by [`Panoply::build`](crate::Panoply::build).
#[derive(Debug, Clone)]
pub struct Suit {
    pub(crate) outside: Outside,
    pub(crate) inside: Inside,
}

/// A service inside the whole suit.
pub type Worn<S> = Dressed<Guarded<S>>;

/// A service inside the layers that refuse nothing.
pub type Dressed<S> = ClientService<TraceService<HeadersService<PagesService<ReadableService<S>>>>>;

/// A service inside the layers that may refuse a request.
pub type Guarded<S> = BlockService<
    AccessService<
        LimitService<
            ChallengeService<AnswerService<CrossSiteService<CookieGuardService<LoginService<S>>>>>,
        >,
    >,
>;

/// The layers that refuse nothing and see every answer.
#[derive(Debug, Clone)]
pub struct Outside {
    pub(crate) client: ClientLayer,
    pub(crate) trace: TraceLayer,
    pub(crate) headers: Headers,
    pub(crate) pages: PagesLayer,
    pub(crate) readable: ReadableLayer,
    pub(crate) apart: bool,
}

/// The layers that may refuse a request.
#[derive(Debug, Clone)]
pub struct Inside {
    pub(crate) blocks: BlockLayer,
    pub(crate) access: AccessLayer,
    pub(crate) limits: LimitLayer,
    pub(crate) challenge: ChallengeLayer,
    /// Whether passes are sealed with the cookies' keys.
    pub(crate) passes_by_cookies: bool,
    pub(crate) answers: AnswerLayer,
    pub(crate) cross_site: CrossSiteLayer,
    pub(crate) cookies: CookieGuardLayer,
    pub(crate) login: LoginLayer,
}

impl<S> Layer<S> for Suit {
    type Service = Worn<S>;

    fn layer(&self, app: S) -> Worn<S> {
        self.outside.layer(self.inside.layer(app))
    }
}

impl<S> Layer<S> for Outside {
    type Service = Dressed<S>;

    fn layer(&self, inner: S) -> Dressed<S> {
        ServiceBuilder::new() // a request reads down, its answer reads up
            .layer(&self.client) // down: ClientAddress; outermost, since it refuses nothing and all need it
            .layer(&self.trace) // down: RequestId; up: one record, of refusals too
            .layer(self.headers.layer().apart(self.apart)) // down: Nonce; up: headers, on 403, 429 and 502 as well
            .layer(&self.pages) // up: the site's own page in place of a refusal's
            .layer(&self.readable) // up: a refusal that a page of a listed origin can read
            .service(inner)
    }
}

impl<S> Layer<S> for Inside {
    type Service = Guarded<S>;

    fn layer(&self, app: S) -> Guarded<S> {
        ServiceBuilder::new()
            .layer(&self.blocks) // down: 403, or 429 to who is held out; first, since it costs nothing
            .layer(&self.access) // down: 404, or 401 without a password; before limits, since what is not there costs no points
            .layer(&self.limits) // down: 429; before logins, whose bodies have to be read
            .layer(&self.challenge) // down: 403 without a pass; behind limits, which bound whoever solves tasks, too
            .layer(&self.answers) // up: what the app, and nobody else, has answered is counted, 429
            .layer(&self.cross_site) // down: 403; before logins, since it is no guess of the one who is used
            .layer(&self.cookies) // down: the app's own names and values; up: hardened, no-store
            .layer(&self.login) // down: the attempt is reserved, 429; up: it is settled
            .service(app)
    }
}

impl Suit {
    /// Reports every exchange to `observer`, with times from `clock`.
    #[must_use]
    pub fn observed(mut self, observer: Arc<dyn Observer>, clock: Arc<dyn Clock>) -> Self {
        self.outside.trace = TraceLayer::new(observer, clock);
        self
    }

    /// Says where a server that is neither the gateway nor axum's has the peer of a request, among its extensions, as
    /// [`ClientLayer::connection`] says. tonic's own server, say:
    ///
    /// ```
    /// use panoply::{Connection, Panoply};
    /// # mod tonic { pub mod transport { pub mod server {
    /// #     #[derive(Clone)]
    /// #     pub struct TcpConnectInfo { pub remote_addr: Option<std::net::SocketAddr> }
    /// #     impl TcpConnectInfo {
    /// #         pub fn remote_addr(&self) -> Option<std::net::SocketAddr> { self.remote_addr }
    /// #     }
    /// # } } }
    /// use tonic::transport::server::TcpConnectInfo;
    ///
    /// let suit = Panoply::recommended().build()?.connection(|extensions| {
    ///     let peer = extensions.get::<TcpConnectInfo>()?.remote_addr()?;
    ///     Some(Connection::new(peer, None))
    /// });
    /// # Ok::<(), panoply::Error>(())
    /// ```
    #[must_use]
    pub fn connection(
        mut self,
        find: impl Fn(&Extensions) -> Option<Connection> + Send + Sync + 'static,
    ) -> Self {
        self.outside.client = self.outside.client.connection(find);
        self
    }

    /// Leaves headers that are the same for many responses to whoever writes them, as
    /// [`HeadersLayer::apart`](panoply_headers::HeadersLayer::apart) says: only for such a server.
    #[must_use]
    pub const fn apart(mut self) -> Self {
        self.outside.apart = true;
        self
    }

    /// The layers that refuse nothing; something of one's own may stand between them and
    /// [`inside`](Self::inside).
    pub const fn outside(&self) -> &Outside {
        &self.outside
    }

    /// The layers that may refuse a request.
    pub const fn inside(&self) -> &Inside {
        &self.inside
    }

    /// The headers that answers get.
    pub const fn headers(&self) -> &Headers {
        &self.outside.headers
    }

    /// The clients that are blocked by hand or held out, and the way to release any block. What was blocked before the
    /// start, or by another process, is known once it has been
    /// [refreshed](panoply_limits::Blocklist::refresh): spawn its
    /// [`follow`](panoply_limits::Blocklist::follow) where there is a [`store`](crate::Panoply::store).
    pub const fn blocklist(&self) -> &panoply_limits::Blocklist {
        self.inside.blocks.list()
    }

    /// The block by which a request of `client` is refused, see
    /// [`BlockLayer::block_of`](panoply_limits::BlockLayer::block_of).
    pub fn block_of(&self, client: &ClientAddress) -> Option<BlockId> {
        self.inside.blocks.block_of(client)
    }

    /// What becomes of the app's cookies.
    pub const fn cookies(&self) -> &panoply_guard::CookieGuard {
        self.inside.cookies.guard()
    }

    /// The layer that asks browsers for a pass.
    pub const fn challenge(&self) -> &ChallengeLayer {
        &self.inside.challenge
    }

    /// Seals cookies with `keys` from now on, and passes where there is no [`store`](crate::Panoply::store).
    pub fn use_keys(&self, keys: &KeyRing) {
        self.cookies().use_keys(keys);
        if self.inside.passes_by_cookies {
            self.inside.challenge.use_keys(keys);
        }
    }

    /// The logins that are guarded.
    pub const fn login(&self) -> &LoginLayer {
        &self.inside.login
    }

    /// What counts failed logins: a guard for each login, and one for the passwords of paths that ask for one.
    pub fn guards(&self) -> impl Iterator<Item = &panoply_limits::LoginGuard> {
        self.login().guards().chain(self.inside.access.guard())
    }

    /// The headers in which the app is told who has shown a password. The layers take them off a request's head; of its
    /// trailers whoever serves it has to.
    pub fn user_headers(&self) -> &UserHeaders {
        self.inside.access.user_headers()
    }

    /// Goes on with what `other` has learnt, whose place it takes: the passwords that were right, and how many passes
    /// were given.
    pub fn begin_with(&self, other: &Self) {
        self.inside.challenge.begin_with(&other.inside.challenge);
        self.inside.access.begin_with(&other.inside.access);
    }

    /// Who is calling, and who may say so.
    pub fn client(&self) -> &panoply_client::Client {
        self.outside.client.client()
    }

    /// What counts as one client on a connection from `peer`: nothing when the peer is a trusted
    /// proxy, which carries the requests of many.
    pub fn client_to_count(&self, peer: std::net::SocketAddr) -> Option<std::net::IpAddr> {
        let trusted = self.outside.client.client().trusts(peer.ip());
        (!trusted).then(|| ClientAddress::direct(peer, Scheme::Http).network())
    }
}
