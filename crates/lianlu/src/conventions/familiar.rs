//! Whole descriptions of calls that a thread has described before.
//!
//! gRPC calls of one method, and a server's calls of one route, from one peer, to one authority begin with the same name
//! and the same bytes, but for their paths and the peer's port, as long as nothing else has a say: no hook, no captured
//! header, no proxy. Then looking them up is all there is to do. The port is put in its place in the bytes, so that all
//! connections of a peer are one.

use std::cell::RefCell;
use std::net::SocketAddr;

use http::Version;
use lianlu_sdk::direct::Ending;
use lianlu_wire::otlp::{AnyValue, Attributes};

use super::Described;
use super::grpc_spans;
use super::keys;
use super::methods;
use super::names::hash;
use super::settings::Settings;
use super::usual::Usual;
use crate::hash::MIX;
use crate::request::RequestHead;
use crate::scan::Scan;

/// What tells a call from others, besides its head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Familiar<'a> {
    /// Which layer, with which settings.
    layer: u64,
    /// A gRPC call's path, an HTTP call's route.
    path: &'a str,
    /// Whether the path is a route.
    is_route: bool,
    authority: &'a str,
    /// Where it is described.
    agent: Option<&'a [u8]>,
    peer: Peer,
    port: Port,
    is_measured: bool,
}

/// A peer's address, and what else is the same for all of its connections that are described alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Peer {
    address: [u64; 2],
    /// The kind of the address, the version of HTTP, the length of the port.
    shape: u64,
}

impl Peer {
    #[inline]
    fn of(peer: Option<SocketAddr>, version: Version, port: Port) -> Self {
        let address = match peer {
            None => [0; 2],
            Some(SocketAddr::V4(peer)) => [u64::from(peer.ip().to_bits()), 0],
            Some(SocketAddr::V6(peer)) => {
                let [a, b, c, d, e, f, g, h] = peer.ip().segments().map(u64::from);
                [
                    a << 48 | b << 32 | c << 16 | d,
                    e << 48 | f << 32 | g << 16 | h,
                ]
            }
        };
        let kind = match peer {
            None => 0,
            Some(SocketAddr::V4(_)) => 1,
            Some(SocketAddr::V6(_)) => 2,
        };
        let version = match version {
            Version::HTTP_2 => 0,
            Version::HTTP_11 => 1,
            Version::HTTP_3 => 2,
            _ => 3,
        };
        Self {
            address,
            shape: kind | version << 8 | (port.bytes().len() as u64) << 16,
        }
    }

    #[inline]
    fn hash(&self) -> u64 {
        let [high, low] = self.address;
        let mixed = high.rotate_left(17) ^ low ^ self.shape.rotate_left(32);
        mixed.wrapping_mul(MIX)
    }
}

/// A peer's port: a number in OTLP's bytes.
#[derive(Debug, Clone, Copy)]
struct Port(u16);

impl Port {
    #[inline]
    fn bytes(self) -> PortBytes {
        let port = self.0;
        let [low, middle, high] = [port & 0x7f, port >> 7 & 0x7f, port >> 14].map(|it| it as u8);
        match port {
            0..0x80 => PortBytes([low, 0, 0], 1),
            0x80..0x4000 => PortBytes([low | 0x80, middle, 0], 2),
            _ => PortBytes([low | 0x80, middle | 0x80, high], 3),
        }
    }

    /// Where it stands among these attributes, as that of the socket's other end.
    fn places(self, attributes: &[u8]) -> Vec<usize> {
        // Whoever asks for others has no usual calls.
        const KEY: &str = keys::NETWORK_PEER_PORT;
        let value = AnyValue::Int(i64::from(self.0));
        let all = Attributes::new(attributes).map_while(Result::ok);
        let mine = all.filter(|it| it.attribute.key == KEY && it.attribute.value == value);
        // A value is what its attribute ends with.
        let place = |end: usize| end.saturating_sub(self.bytes().len());
        mine.map(|it| place(it.at + it.framed.len())).collect()
    }
}

struct PortBytes([u8; 3], usize);

impl std::ops::Deref for PortBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.0.get(..self.1).unwrap_or_default()
    }
}

impl<'a> Familiar<'a> {
    /// A gRPC call, through this layer.
    #[inline]
    pub(crate) fn grpc(
        layer: u64,
        head: &RequestHead<'a>,
        scan: &Scan<'a>,
        peer: Option<SocketAddr>,
        is_measured: bool,
    ) -> Self {
        let port = Port(peer.map_or(0, |peer| peer.port()));
        Self {
            layer,
            path: head.path(),
            is_route: false,
            authority: match head.uri().authority() {
                Some(authority) => authority.as_str(),
                None => scan.host().unwrap_or_default(),
            },
            agent: None,
            peer: Peer::of(peer, head.version(), port),
            port,
            is_measured,
        }
    }

    /// The same of an HTTP call.
    #[inline]
    pub(crate) fn of_route(self, route: &'a str, agent: Option<&'a [u8]>) -> Self {
        Self {
            path: route,
            is_route: true,
            agent,
            ..self
        }
    }

    #[inline]
    fn hash(&self, head: &RequestHead<'_>) -> u64 {
        let mixed = self.peer.hash() ^ self.layer;
        let mut hash = hash(self.path) ^ mixed ^ mixed >> 31;
        if self.is_route {
            hash = hash.rotate_left(5) ^ super::names::hash(head.method().as_str());
        }
        hash
    }

    fn is_short(&self) -> bool {
        let agent = self.agent.map_or(0, <[u8]>::len);
        [self.path.len(), self.authority.len(), agent]
            .into_iter()
            .all(|length| length <= LONGEST)
    }
}

/// How many a thread remembers. A new one takes the place of another.
const PLACES: usize = 256;

/// Longer texts are no names that come again.
const LONGEST: usize = 256;

#[derive(Default)]
struct Place {
    /// The hash of the call that was described last.
    last: u64,
    entry: Option<Box<Entry>>,
}

struct Entry {
    layer: u64,
    path: String,
    authority: String,
    agent: Option<Box<[u8]>>,
    peer: Peer,
    usual: Usual,
    /// Whether the method is known from a caller's generated code alone, which not every call comes from.
    is_named: bool,
    bytes: Vec<u8>,
    /// Where the peer's port stands in there.
    ports: Vec<usize>,
    count: u32,
}

impl Entry {
    #[inline]
    fn is_of(&self, call: &Familiar<'_>, settings: &Settings, head: &RequestHead<'_>) -> bool {
        self.layer == call.layer
            && self.peer == call.peer
            && self.usual.is_measured() == call.is_measured
            && self.path == call.path
            && self.authority == call.authority
            && match self.usual {
                Usual::Method(_) => {
                    !call.is_route && (!self.is_named || grpc_spans::is_named(head))
                }
                Usual::Route(route) => {
                    call.is_route
                        && self.agent.as_deref() == call.agent
                        && route.fits(settings, head)
                }
            }
    }
}

thread_local! {
    static CALLS: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
}

#[inline]
fn place(hash: u64) -> usize {
    // The highest bits are those that all others have a say in.
    (hash.wrapping_mul(MIX) >> (u64::BITS - PLACES.ilog2())) as usize
}

/// Describes a call as it was described before, but for what is its own; without an `ending`, for its metrics alone.
#[inline]
pub(crate) fn recall(
    call: &Familiar<'_>,
    settings: &Settings,
    head: &RequestHead<'_>,
    ending: Option<&mut Ending>,
) -> Option<Usual> {
    let recalled = CALLS.try_with(|calls| {
        let calls = calls.try_borrow().ok()?;
        let entry = calls.get(place(call.hash(head)))?.entry.as_ref()?;
        if !entry.is_of(call, settings, head) {
            return None;
        }
        if let Some(ending) = ending {
            // Calls that nobody recorded have left no bytes.
            if entry.count == 0 {
                return None;
            }
            let start = ending.attributes.len();
            ending.attributes.extend_from_slice(&entry.bytes);
            let port = call.port.bytes();
            for at in &entry.ports {
                let behind = ending.attributes.get_mut(start + at..);
                if let Some(place) = behind.and_then(|behind| behind.get_mut(..port.len())) {
                    place.copy_from_slice(&port);
                }
            }
            ending.count = entry.count;
        }
        Some(entry.usual)
    });
    recalled.ok().flatten()
}

/// Keeps a description for the next call of the kind, if its method or route is one of the service's own and it has come
/// before: a peer that calls once leaves nothing behind.
#[cold]
pub(crate) fn remember(
    call: &Familiar<'_>,
    settings: &Settings,
    head: &RequestHead<'_>,
    described: &Described,
    ending: Option<&Ending>,
) {
    let Some(usual) = described.carried.usual.filter(|_| call.is_short()) else {
        return;
    };
    let mut is_named = false;
    if let Usual::Method(method) = usual {
        if described.name != method.name() {
            return;
        }
        let methods = &settings.grpc_methods;
        is_named = !matches!(methods.find(call.path, false), methods::Method::Known(_));
    }
    let hash = call.hash(head);
    let _ = CALLS.try_with(|calls| {
        let Ok(mut calls) = calls.try_borrow_mut() else {
            return;
        };
        if calls.is_empty() {
            calls.resize_with(PLACES, Place::default);
        }
        let Some(place) = calls.get_mut(place(hash)) else {
            return;
        };
        if std::mem::replace(&mut place.last, hash) != hash {
            return;
        }
        let (own_bytes, own_count) = described.own;
        let bytes = ending.map_or(&[][..], |ending| &ending.attributes);
        let shared = bytes.len().saturating_sub(own_bytes);
        let bytes = bytes.get(..shared).unwrap_or_default();
        place.entry = Some(Box::new(Entry {
            layer: call.layer,
            path: call.path.to_owned(),
            authority: call.authority.to_owned(),
            agent: call.agent.map(Box::from),
            peer: call.peer,
            usual,
            is_named,
            bytes: bytes.to_vec(),
            ports: call.port.places(bytes),
            count: ending.map_or(0, |ending| ending.count - own_count),
        }));
    });
}
