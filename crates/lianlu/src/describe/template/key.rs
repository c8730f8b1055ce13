//! The key of a template: it differs for calls with different descriptions.

use std::net::SocketAddr;

use http::Version;

use crate::describe::surface::Protocol;
use crate::describe::{grpc, interner};
use crate::hash::MIX;
use crate::request::RequestHead;

/// What a call's description depends on, besides the layer's settings and the attributes that
/// change from call to call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallKey<'a> {
    /// The id of the layer's options.
    pub(crate) layer: u64,
    pub(crate) protocol: Protocol,
    /// A gRPC call's path; an HTTP call's route or URL template.
    pub(crate) path: Option<&'a str>,
    pub(crate) authority: Option<&'a str>,
    /// An HTTP call's user agent.
    pub(crate) agent: Option<&'a [u8]>,
    /// The scheme of an HTTP call.
    pub(crate) scheme: &'a str,
    /// Whether the call is measured: otherwise its template has no labels.
    pub(crate) is_measured: bool,
    peer: Peer,
    port: Port,
    pub(super) hash: u64,
}

/// A peer's address, and the properties shared by all of its connections with the same description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Peer {
    address: [u64; 2],
    /// The kind of the address, the HTTP version, and the encoded length of the port.
    shape: u64,
}

impl Peer {
    #[inline]
    fn new(peer: Option<SocketAddr>, version: Version, port: Port) -> Self {
        let (address, kind) = match peer {
            None => ([0; 2], 0),
            Some(SocketAddr::V4(peer)) => ([u64::from(peer.ip().to_bits()), 0], 1),
            Some(SocketAddr::V6(peer)) => {
                let bits = peer.ip().to_bits();
                #[allow(clippy::cast_possible_truncation)]
                ([(bits >> 64) as u64, bits as u64], 2)
            }
        };
        let version = u64::from(version_number(version));
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

/// A number for each HTTP version.
#[inline]
pub(super) fn version_number(version: Version) -> u8 {
    match version {
        Version::HTTP_2 => 0,
        Version::HTTP_11 => 1,
        Version::HTTP_3 => 2,
        Version::HTTP_10 => 3,
        _ => 4,
    }
}

/// A peer's port, as a varint.
#[derive(Debug, Clone, Copy)]
struct Port(u16);

impl Port {
    #[inline]
    fn bytes(self) -> PortBytes {
        let port = self.0;
        #[allow(clippy::cast_possible_truncation)]
        let [low, middle, high] = [port & 0x7f, port >> 7 & 0x7f, port >> 14].map(|it| it as u8);
        match port {
            0..0x80 => PortBytes([low, 0, 0], 1),
            0x80..0x4000 => PortBytes([low | 0x80, middle, 0], 2),
            _ => PortBytes([low | 0x80, middle | 0x80, high], 3),
        }
    }
}

/// The encoding of a port.
#[derive(Debug)]
pub(super) struct PortBytes([u8; 3], usize);

impl std::ops::Deref for PortBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.0.get(..self.1).unwrap_or_default()
    }
}

/// Longer texts are under the caller's control.
const LONGEST: usize = 256;

impl<'a> CallKey<'a> {
    /// The key of a call in the layer with these options. `path` is a gRPC call's path, or an HTTP
    /// call's route or URL template.
    #[inline]
    pub(crate) fn new(
        layer: u64,
        protocol: Protocol,
        head: &RequestHead<'_>,
        path: Option<&'a str>,
        peer: Option<SocketAddr>,
    ) -> Self {
        let port = Port(peer.map_or(0, |peer| peer.port()));
        let peer = Peer::new(peer, head.version(), port);
        let mixed = peer.hash() ^ layer;
        let mut hash = interner::hash(path.unwrap_or_default()) ^ mixed ^ mixed >> 31;
        if protocol == Protocol::Http {
            hash = hash.rotate_left(5) ^ interner::hash(head.method().as_str());
        }
        Self {
            layer,
            protocol,
            path,
            authority: None,
            agent: None,
            scheme: "",
            peer,
            port,
            is_measured: false,
            hash,
        }
    }

    #[inline]
    pub(super) fn port(&self) -> PortBytes {
        self.port.bytes()
    }

    pub(super) fn scheme(&self) -> &'a str {
        self.scheme
    }

    pub(super) fn is_short(&self) -> bool {
        let texts = [self.path, self.authority, Some(self.scheme)];
        let agent = self.agent.map_or(0, <[u8]>::len);
        let lengths = texts.into_iter().flatten().map(str::len);
        lengths.chain([agent]).all(|length| length <= LONGEST)
    }

    pub(super) fn owned(&self, head: &RequestHead<'_>, is_named: bool) -> OwnedKey {
        OwnedKey {
            layer: self.layer,
            protocol: self.protocol,
            method: head.method().clone(),
            path: self.path.map(Box::from),
            authority: self.authority.map(Box::from),
            agent: self.agent.map(Box::from),
            scheme: self.scheme.into(),
            peer: self.peer,
            is_measured: self.is_measured,
            is_named,
        }
    }
}

/// The key of a template.
#[derive(Debug)]
pub(super) struct OwnedKey {
    layer: u64,
    protocol: Protocol,
    method: http::Method,
    path: Option<Box<str>>,
    authority: Option<Box<str>>,
    agent: Option<Box<[u8]>>,
    scheme: Box<str>,
    peer: Peer,
    is_measured: bool,
    /// Whether the gRPC method is known only from generated code, which not every caller has.
    is_named: bool,
}

impl OwnedKey {
    #[inline]
    pub(super) fn is(&self, key: &CallKey<'_>, head: &RequestHead<'_>) -> bool {
        self.layer == key.layer
            && self.peer == key.peer
            && self.is_measured == key.is_measured
            && self.protocol == key.protocol
            && self.path.as_deref() == key.path
            && self.authority.as_deref() == key.authority
            && match self.protocol {
                Protocol::Grpc => !self.is_named || grpc::is_named(head),
                Protocol::Http => {
                    self.method == *head.method()
                        && *self.scheme == *key.scheme
                        && self.agent.as_deref() == key.agent
                }
            }
    }
}
