//! Whole descriptions of calls that a thread has described before.
//!
//! gRPC calls of one method, and a server's calls of one route, from one peer, to one authority begin with the same name
//! and the same bytes, but for their paths, as long as nothing else has a say: no hook, no captured header, no proxy.
//! Then looking them up is all there is to do.

use std::cell::RefCell;
use std::net::SocketAddr;

use lianlu_sdk::direct::Ending;

use super::Described;
use super::names::hash;
use super::settings::Settings;
use super::usual::Usual;
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
    is_measured: bool,
}

/// Address and port, as they are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Peer {
    address: [u64; 2],
    /// With a bit that tells an IPv4 address from none, and another for IPv6.
    port: u64,
}

impl Peer {
    #[inline]
    fn of(peer: Option<SocketAddr>) -> Self {
        match peer {
            None => Self {
                address: [0; 2],
                port: 0,
            },
            Some(SocketAddr::V4(peer)) => Self {
                address: [u64::from(peer.ip().to_bits()), 0],
                port: 1 << 16 | u64::from(peer.port()),
            },
            Some(SocketAddr::V6(peer)) => {
                let [a, b, c, d, e, f, g, h] = peer.ip().segments().map(u64::from);
                Self {
                    address: [
                        a << 48 | b << 32 | c << 16 | d,
                        e << 48 | f << 32 | g << 16 | h,
                    ],
                    port: 1 << 17 | u64::from(peer.port()),
                }
            }
        }
    }

    #[inline]
    fn hash(&self) -> u64 {
        let [high, low] = self.address;
        let mixed = high.rotate_left(17) ^ low ^ self.port << 32;
        mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
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
        Self {
            layer,
            path: head.path(),
            is_route: false,
            authority: match head.uri().authority() {
                Some(authority) => authority.as_str(),
                None => scan.host().unwrap_or_default(),
            },
            agent: None,
            peer: Peer::of(peer),
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
    bytes: Vec<u8>,
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
                Usual::Method(_) => !call.is_route,
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

fn place(hash: u64) -> usize {
    usize::try_from(hash % PLACES as u64).unwrap_or_default()
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
            ending.attributes.extend_from_slice(&entry.bytes);
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
    head: &RequestHead<'_>,
    described: &Described,
    ending: Option<&Ending>,
) {
    let Some(usual) = described.carried.usual.filter(|_| call.is_short()) else {
        return;
    };
    let is_named = match usual {
        Usual::Method(method) => described.name == method.name(),
        Usual::Route(_) => true,
    };
    if !is_named {
        return;
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
        place.entry = Some(Box::new(Entry {
            layer: call.layer,
            path: call.path.to_owned(),
            authority: call.authority.to_owned(),
            agent: call.agent.map(Box::from),
            peer: call.peer,
            usual,
            bytes: bytes.get(..shared).unwrap_or_default().to_vec(),
            count: ending.map_or(0, |ending| ending.count - own_count),
        }));
    });
}
