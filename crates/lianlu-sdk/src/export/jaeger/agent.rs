//! Sends spans to an agent over UDP.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lianlu_wire::authority::Authority;
use lianlu_wire::jaeger::{Process, Span, UDP_MAX_PACKET, split_emit_batch_compact};

use crate::error::OptionError;
use crate::export::{Component, Failure};

/// Agents accept packets of less than 65,000 bytes.
const MAX_PACKET: usize = UDP_MAX_PACKET - 1;

/// Pause between two packets of a batch. UDP has no flow control, and a default socket buffer holds
/// three of these packets: without a pause the agent's kernel drops the rest of a burst.
const PAUSE: Duration = Duration::from_millis(2);

/// An agent's `host:port`. It is resolved when there is something to send, and again after an
/// error, so startup does not depend on DNS and address changes are followed.
#[derive(Debug)]
pub(super) struct Agent {
    endpoint: String,
    socket: Mutex<Option<UdpSocket>>,
}

impl Agent {
    pub(super) fn new(option: &'static str, endpoint: &str) -> Result<Self, OptionError> {
        let authority = Authority::parse(endpoint);
        let is_usable = authority.is_ok_and(|authority| authority.port.is_some());
        if !is_usable || endpoint.contains('@') {
            let problem = "needs host:port of an agent";
            return Err(OptionError::new(option, endpoint, problem));
        }
        Ok(Self {
            endpoint: endpoint.to_owned(),
            socket: Mutex::new(None),
        })
    }

    pub(super) fn destination(&self) -> String {
        format!("udp://{}", self.endpoint)
    }

    pub(super) fn component(&self) -> Component {
        let component = Component::new("jaeger_agent_span_exporter");
        match self.endpoint.rsplit_once(':') {
            Some((host, port)) => {
                let host = host.trim_matches(['[', ']']);
                component.with_server(host, port.parse().unwrap_or_default())
            }
            None => component,
        }
    }

    /// Sends the spans in as many packets as needed. Lost are spans that are too large for a
    /// packet, and the spans of packets that the system rejected.
    pub(super) fn send(&self, process: &Process<'_>, spans: &[Span<'_>]) -> Result<(), Failure> {
        let mut failure = Failure::new(0, "");
        let packets = split_emit_batch_compact(process, spans, MAX_PACKET);
        for (number, packet) in packets.enumerate() {
            if number > 0 {
                std::thread::sleep(PAUSE);
            }
            match packet {
                Ok(packet) => {
                    if let Err(error) = self.send_packet(&packet.bytes) {
                        failure.lost += packet.spans.len();
                        failure.reason = format!("agent udp://{}: {error}", self.endpoint);
                    }
                }
                Err(error) => {
                    failure.lost += 1;
                    failure.reason = error.to_string();
                }
            }
        }
        if failure.lost == 0 {
            Ok(())
        } else {
            Err(failure)
        }
    }

    /// Tries the last working socket first, then all addresses of the host.
    ///
    /// If the last packet was refused, this one probably will be too, at any address: it is sent,
    /// but counted as lost.
    fn send_packet(&self, packet: &[u8]) -> io::Result<()> {
        let mut kept = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = match kept.as_ref().map(|socket| send_checked(socket, packet)) {
            Some(Ok(())) => return Ok(()),
            Some(Err(error)) => Err(error),
            None => Ok(()),
        };
        *kept = None;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in self.endpoint.to_socket_addrs()? {
            match connect(address).and_then(|socket| {
                send_checked(&socket, packet)?;
                Ok(socket)
            }) {
                Ok(socket) => {
                    *kept = Some(socket);
                    return refused;
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// A connected socket reports ICMP port-unreachable errors: immediately from a near host, before
/// the next packet from a far one.
fn send_checked(socket: &UdpSocket, packet: &[u8]) -> io::Result<()> {
    take_error(socket)?;
    socket.send(packet)?;
    take_error(socket)
}

fn take_error(socket: &UdpSocket) -> io::Result<()> {
    match socket.take_error()? {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn connect(address: SocketAddr) -> io::Result<UdpSocket> {
    let any = if address.is_ipv4() {
        "0.0.0.0:0"
    } else {
        "[::]:0"
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    Ok(socket)
}
