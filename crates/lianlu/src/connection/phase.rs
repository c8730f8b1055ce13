//! The phases of connection setup.

use std::any::Any;
use std::net::SocketAddr;

use http::{Extensions, Uri};
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::{Connection, HttpInfo};
use lianlu_wire::authority::Authority;
use opentelemetry::Context;

use super::handshake::Handshake;
use super::open_phase::OpenPhase;
use crate::describe::target::{Target, default_port};
use crate::span::source::TracerSource;

mod sealed {
    pub trait Sealed {}
}

/// A phase of connection setup: [`Dns`], [`Connect`] or [`Tls`]. Sealed.
pub trait Phase: sealed::Sealed + Send + Sync + 'static {
    /// The name of the phase's spans.
    const NAME: &'static str;
}

/// A phase for services that take `R` and return `T`. Sealed.
pub trait PhaseOf<R, T>: Phase {
    #[doc(hidden)]
    fn open(opener: Opener<'_>, request: &R) -> Option<Opened>;

    /// The remote address of the connection.
    #[doc(hidden)]
    fn peer(response: &T) -> Option<SocketAddr>;
}

/// Hides [`TracerSource`] from the public trait.
#[derive(Debug, Clone, Copy)]
pub struct Opener<'a>(pub(super) &'a TracerSource);

/// Hides [`OpenPhase`] from the public trait.
#[derive(Debug)]
pub struct Opened(pub(super) OpenPhase);

/// Resolving a host's addresses.
#[derive(Debug, Clone, Copy)]
pub struct Dns;

/// Establishing a connection.
#[derive(Debug, Clone, Copy)]
pub struct Connect;

/// The TLS handshake.
#[derive(Debug, Clone, Copy)]
pub struct Tls;

impl sealed::Sealed for Dns {}
impl sealed::Sealed for Connect {}
impl sealed::Sealed for Tls {}

impl Phase for Dns {
    const NAME: &'static str = "dns";
}

impl Phase for Connect {
    const NAME: &'static str = "connect";
}

impl Phase for Tls {
    const NAME: &'static str = "tls";
}

impl<T> PhaseOf<Name, T> for Dns {
    fn open(opener: Opener<'_>, name: &Name) -> Option<Opened> {
        let server = Target {
            scheme: None,
            host: name.as_str().to_owned(),
            port: None,
        };
        let context = Context::current();
        let open = OpenPhase::start(opener.0, Self::NAME, context, Some(server));
        Some(Opened(open))
    }

    fn peer(_: &T) -> Option<SocketAddr> {
        None
    }
}

// For any request type: reqwest's cannot be named.
impl<R: 'static, T: Connection> PhaseOf<R, T> for Connect {
    fn open(opener: Opener<'_>, request: &R) -> Option<Opened> {
        let request: &dyn Any = request;
        let server = request.downcast_ref().and_then(server);
        let (context, handshake) = Handshake::take(Context::current());
        let mut open = OpenPhase::start(opener.0, Self::NAME, context, server);
        if let Some(handshake) = handshake {
            open.set_handshake(handshake);
        }
        Some(Opened(open))
    }

    fn peer(connection: &T) -> Option<SocketAddr> {
        let mut extensions = Extensions::new();
        connection.connected().get_extras(&mut extensions);
        Some(extensions.get::<HttpInfo>()?.remote_addr())
    }
}

impl<T> PhaseOf<Uri, T> for Tls {
    fn open(opener: Opener<'_>, uri: &Uri) -> Option<Opened> {
        if uri.scheme_str() != Some("https") {
            return None;
        }
        Some(Opened(OpenPhase::after_connect(
            opener.0,
            Self::NAME,
            server(uri),
        )))
    }

    fn peer(_: &T) -> Option<SocketAddr> {
        None
    }
}

fn server(uri: &Uri) -> Option<Target> {
    let Authority { host, port } = Authority::split(uri.authority()?.as_str());
    Some(Target {
        scheme: None,
        host: host.to_owned(),
        port: port.or_else(|| default_port(uri.scheme_str().unwrap_or("http"))),
    })
}
