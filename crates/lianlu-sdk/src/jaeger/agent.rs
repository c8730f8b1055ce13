//! UDP to an agent.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::Duration;

use lianlu_wire::jaeger::{Process, Span, UDP_MAX_PACKET, split_emit_batch_compact};

use crate::error::OptionError;
use crate::export::Failure;

/// Agents read packets of less than 65,000 bytes.
const MAX_PACKET: usize = UDP_MAX_PACKET - 1;

/// Between two packets of a batch. UDP has no flow control, and a socket's usual buffer holds three of
/// these packets: without a pause the agent's kernel throws the rest of a burst away.
const PAUSE: Duration = Duration::from_millis(2);

#[derive(Debug)]
pub(super) struct Agent {
    address: SocketAddr,
    socket: UdpSocket,
}

impl Agent {
    pub(super) fn new(option: &'static str, endpoint: &str) -> Result<Self, OptionError> {
        let error = |problem: String| OptionError::new(option, endpoint, problem);
        let address = endpoint
            .to_socket_addrs()
            .map_err(|cause| error(format!("needs host:port of an agent ({cause})")))?
            .next()
            .ok_or_else(|| error("the host has no address".to_owned()))?;
        let socket = connect(address).map_err(|cause| error(format!("no UDP socket: {cause}")))?;
        Ok(Self { address, socket })
    }

    /// Sends as many packets as it takes. Lost are spans that fit in none, and those of packets that
    /// the system refused.
    pub(super) fn send(&self, process: &Process<'_>, spans: &[Span<'_>]) -> Result<(), Failure> {
        let mut failure = Failure::new(0, "");
        let packets = split_emit_batch_compact(process, spans, MAX_PACKET);
        for (number, packet) in packets.enumerate() {
            if number > 0 {
                std::thread::sleep(PAUSE);
            }
            match packet {
                Ok(packet) => {
                    if let Err(error) = self.deliver(&packet.bytes) {
                        failure.lost += packet.spans.len();
                        failure.reason = format!("agent udp://{}: {error}", self.address);
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

    /// A host without an agent answers a connected socket, if it is near enough to answer at once.
    fn deliver(&self, packet: &[u8]) -> io::Result<()> {
        self.socket.send(packet)?;
        match self.socket.take_error()? {
            Some(error) => Err(error),
            None => Ok(()),
        }
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
