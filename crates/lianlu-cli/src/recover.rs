//! `lianlu recover`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use lianlu_sdk::otlp::{Exporter, Protocol};
use lianlu_sdk::{Recovery, RecoveryReport};

/// What to recover, and the collector to send it to.
#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// The flight recorder's folder (LIANLU_FLIGHT_RECORDER_DIR of the service)
    dir: PathBuf,

    /// The collector's URL
    #[arg(long, default_value = "http://localhost:4318")]
    endpoint: String,

    /// Transport protocol
    #[arg(long, value_enum, default_value_t = Transport::Http)]
    protocol: Transport,

    /// A header to send with each request, such as an API key
    #[arg(long, value_name = "NAME=VALUE")]
    header: Vec<String>,

    /// Seconds to keep trying
    #[arg(long, default_value_t = 60)]
    timeout: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Transport {
    Grpc,
    Http,
}

impl Recover {
    pub(crate) fn run(self) -> ExitCode {
        match self.send() {
            Ok(recovery) => report(&recovery),
            Err(error) => {
                eprintln!("lianlu recover: {error}");
                ExitCode::FAILURE
            }
        }
    }

    fn send(&self) -> Result<Recovery, Box<dyn std::error::Error>> {
        let protocol = match self.protocol {
            Transport::Grpc => Protocol::Grpc,
            Transport::Http => Protocol::HttpProtobuf,
        };
        let mut exporter = Exporter::builder(protocol).with_endpoint(&self.endpoint);
        for header in &self.header {
            let (name, value) = header.split_once('=').ok_or("--header: needs NAME=VALUE")?;
            exporter = exporter.with_header(name, value);
        }
        let timeout = Duration::from_secs(self.timeout);
        Ok(lianlu_sdk::recover(&self.dir, exporter.build()?, timeout)?)
    }
}

fn report(recovery: &Recovery) -> ExitCode {
    let RecoveryReport {
        spans,
        unfinished,
        damaged,
        torn,
        refused,
        ..
    } = &recovery.found;
    println!(
        "{spans} span(s) found, {unfinished} of them of calls that were open when the process ended"
    );
    if damaged + torn > 0 {
        println!("{damaged} damaged place(s) and {torn} torn file(s) skipped");
    }
    for reason in refused {
        println!("left as it is: {reason}");
    }
    let counts = &recovery.counts;
    println!("{} sent", counts.exported);
    if let Err(error) = &recovery.outcome {
        eprintln!("lianlu recover: {error}");
    }
    match recovery.outcome.is_ok() && refused.is_empty() && counts.waiting == 0 {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
