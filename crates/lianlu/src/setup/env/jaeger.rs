//! `OTEL_EXPORTER_JAEGER_*`. A collector's URL takes precedence over an agent's address.

use std::time::Duration;

use lianlu_sdk::env::Reader;
use lianlu_sdk::jaeger::Exporter;
use lianlu_sdk::{OptionError, check_endpoint};
use lianlu_wire::authority;

use super::super::jaeger::{
    AGENT_HOST, AGENT_PORT, DEFAULT_COLLECTOR, ENDPOINT, PASSWORD, TIMEOUT, USER, agent_address,
};

#[derive(Clone)]
pub(super) struct Jaeger {
    destination: Destination,
    user: Option<(String, String)>,
    timeout: Duration,
}

#[derive(Clone)]
enum Destination {
    Collector(String),
    Agent(&'static str, String),
}

pub(super) fn read(reader: &mut Reader, max_timeout: Duration) -> Jaeger {
    let user = reader.text(USER);
    let password = reader.text(PASSWORD).unwrap_or_default();
    let millis = reader.number(TIMEOUT, 1, 10_000).unwrap_or(10_000);
    Jaeger {
        destination: destination(reader),
        user: user.map(|user| (user, password)),
        timeout: Duration::from_millis(millis).min(max_timeout),
    }
}

fn destination(reader: &mut Reader) -> Destination {
    if let Some(url) = reader.text(ENDPOINT) {
        match check_endpoint(ENDPOINT, &url) {
            Ok(_) => return Destination::Collector(url),
            Err(error) => reader.refuse(error, fallback()),
        }
    } else {
        let (host, port) = (reader.text(AGENT_HOST), reader.text(AGENT_PORT));
        let option = match (&host, &port) {
            (None, None) => return Destination::Collector(DEFAULT_COLLECTOR.to_owned()),
            (_, Some(_)) => AGENT_PORT,
            (Some(_), None) => AGENT_HOST,
        };
        let port = port.unwrap_or_else(|| "6831".to_owned());
        if authority::port(&port).is_none_or(|port| port == 0) {
            reader.warn(AGENT_PORT, &port, "not a port", fallback());
            return Destination::Collector(DEFAULT_COLLECTOR.to_owned());
        }
        let address = agent_address(host.as_deref(), &port);
        match Exporter::agent(option, &address) {
            Ok(_) => return Destination::Agent(option, address),
            Err(error) => reader.refuse(error, fallback()),
        }
    }
    Destination::Collector(DEFAULT_COLLECTOR.to_owned())
}

fn fallback() -> String {
    format!("{DEFAULT_COLLECTOR} is used")
}

impl Jaeger {
    pub(super) fn build(&self) -> Result<Exporter, OptionError> {
        let user = self.user.as_ref();
        let user = user.map(|(user, password)| (user.as_str(), password.as_str()));
        match &self.destination {
            Destination::Collector(url) => Exporter::collector(ENDPOINT, url, user, self.timeout),
            Destination::Agent(option, address) => Exporter::agent(option, address),
        }
    }
}
