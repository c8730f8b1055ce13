//! `OTEL_EXPORTER_JAEGER_*`: a collector's URL goes before an agent's address.

use std::time::Duration;

use lianlu_sdk::env::Reader;
use lianlu_sdk::jaeger::Exporter;
use lianlu_sdk::{OptionError, check_endpoint};

use super::super::jaeger::{
    AGENT_HOST, AGENT_PORT, DEFAULT_COLLECTOR, ENDPOINT, PASSWORD, TIMEOUT, USER,
};

#[derive(Clone)]
pub(super) struct Jaeger {
    place: Place,
    user: Option<(String, String)>,
    timeout: Duration,
}

#[derive(Clone)]
enum Place {
    Collector(String),
    Agent(&'static str, String),
}

pub(super) fn read(reader: &mut Reader, longest: Duration) -> Jaeger {
    let user = reader.text(USER);
    let password = reader.text(PASSWORD).unwrap_or_default();
    let millis = reader.number(TIMEOUT, 1, 10_000).unwrap_or(10_000);
    Jaeger {
        place: place(reader),
        user: user.map(|user| (user, password)),
        timeout: Duration::from_millis(millis).min(longest),
    }
}

fn place(reader: &mut Reader) -> Place {
    if let Some(url) = reader.text(ENDPOINT) {
        match check_endpoint(ENDPOINT, &url) {
            Ok(_) => return Place::Collector(url),
            Err(error) => reader.refuse(error, instead()),
        }
    } else {
        let (host, port) = (reader.text(AGENT_HOST), reader.text(AGENT_PORT));
        let option = match (&host, &port) {
            (None, None) => return Place::Collector(DEFAULT_COLLECTOR.to_owned()),
            (_, Some(_)) => AGENT_PORT,
            (Some(_), None) => AGENT_HOST,
        };
        let port = port.unwrap_or_else(|| "6831".to_owned());
        match port.parse::<u16>() {
            Ok(port) if port > 0 => {}
            _ => {
                reader.warn(AGENT_PORT, &port, "not a port", instead());
                return Place::Collector(DEFAULT_COLLECTOR.to_owned());
            }
        }
        let address = format!("{}:{port}", host.as_deref().unwrap_or("localhost"));
        match Exporter::agent(option, &address) {
            Ok(_) => return Place::Agent(option, address),
            Err(error) => reader.refuse(error, instead()),
        }
    }
    Place::Collector(DEFAULT_COLLECTOR.to_owned())
}

fn instead() -> String {
    format!("{DEFAULT_COLLECTOR} is used")
}

impl Jaeger {
    pub(super) fn build(&self) -> Result<Exporter, OptionError> {
        let user = self.user.as_ref();
        let user = user.map(|(user, password)| (user.as_str(), password.as_str()));
        match &self.place {
            Place::Collector(url) => Exporter::collector(ENDPOINT, url, user, self.timeout),
            Place::Agent(option, address) => Exporter::agent(option, address),
        }
    }
}
