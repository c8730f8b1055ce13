//! `OTEL_TRACES_EXPORTER`, and the options of the chosen exporters.

use std::fmt;
use std::time::Duration;

use lianlu_sdk::env::Reader;
use lianlu_sdk::{Batch, Export, Failure, OptionError};

use super::print_warning;

const EXPORTER: &str = "OTEL_TRACES_EXPORTER";

/// Where spans are exported to.
#[derive(Clone)]
pub(in crate::setup) enum Target {
    #[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
    Otlp(Box<lianlu_sdk::otlp::Builder>),
    #[cfg(feature = "otlp-json")]
    OtlpStdout,
    #[cfg(feature = "jaeger")]
    Jaeger(crate::setup::jaeger::Settings),
    #[cfg(feature = "zipkin")]
    Zipkin(crate::setup::zipkin::Settings),
    #[cfg(feature = "console")]
    Console,
}

/// The exporters of the list, each once. None if the list is `none`.
pub(super) fn read(reader: &mut Reader, timeout: Duration) -> Vec<Target> {
    let text = reader
        .text(EXPORTER)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let names = text.split(',').map(str::trim).filter(|it| !it.is_empty());
    let names: Vec<&str> = names.collect();
    if names == ["none"] {
        return Vec::new();
    }
    let (mut targets, mut refused) = (Vec::new(), Vec::new());
    for (at, name) in names.iter().enumerate() {
        let is_repeated = names.iter().take(at).any(|before| before == name);
        let target = match (is_repeated, *name) {
            (true, _) => Err("it is there twice".to_owned()),
            (_, "none") => Err("none stands alone".to_owned()),
            (_, name) => by_name(name, reader, timeout),
        };
        match target {
            Ok(target) => targets.push(target),
            Err(problem) => refused.push((*name, problem)),
        }
    }
    let mut instead = "it is left out";
    if targets.is_empty() {
        match by_name("otlp", reader, timeout) {
            Ok(target) => {
                targets.push(target);
                instead = "otlp is used";
            }
            Err(problem) => {
                if names.is_empty() {
                    refused.push(("otlp", problem));
                }
                instead = "spans are discarded";
            }
        }
    }
    for (name, problem) in refused {
        reader.warn(EXPORTER, name, problem, instead);
    }
    targets
}

/// The exporter with this name, or the reason why it is not available.
#[cfg_attr(
    not(any(
        feature = "otlp-grpc",
        feature = "otlp-http",
        feature = "jaeger",
        feature = "zipkin"
    )),
    allow(unused_variables)
)]
fn by_name(name: &str, reader: &mut Reader, timeout: Duration) -> Result<Target, String> {
    match name {
        #[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
        "otlp" => {
            let builder = crate::setup::otlp::Otlp::default().builder(reader, timeout);
            Ok(Target::Otlp(Box::new(builder)))
        }
        #[cfg(feature = "otlp-json")]
        "otlp/stdout" => Ok(Target::OtlpStdout),
        #[cfg(feature = "jaeger")]
        "jaeger" => {
            let jaeger = crate::setup::jaeger::Jaeger::default();
            Ok(Target::Jaeger(jaeger.settings(reader, timeout)))
        }
        #[cfg(feature = "zipkin")]
        "zipkin" => {
            let zipkin = crate::setup::zipkin::Zipkin::default();
            Ok(Target::Zipkin(zipkin.settings(reader, timeout)))
        }
        #[cfg(feature = "console")]
        "console" => Ok(Target::Console),
        // Reachable for a name whose feature is off.
        #[allow(unreachable_patterns)]
        name @ ("otlp" | "otlp/stdout" | "jaeger" | "zipkin" | "console") => {
            let feature = if name == "otlp/stdout" {
                "otlp-json"
            } else {
                name
            };
            Err(format!(
                "this program was built without the feature `{feature}`"
            ))
        }
        _ => Err("not an exporter (otlp, otlp/stdout, jaeger, zipkin, console, none)".to_owned()),
    }
}

impl Target {
    pub(super) fn build(&self) -> Box<dyn Export> {
        let built: Result<Box<dyn Export>, OptionError> = match self {
            #[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
            Self::Otlp(builder) => builder.as_ref().clone().build().map(boxed),
            #[cfg(feature = "otlp-json")]
            Self::OtlpStdout => Ok(boxed(lianlu_sdk::otlp::JsonLines::stdout())),
            #[cfg(feature = "jaeger")]
            Self::Jaeger(jaeger) => jaeger.build().map(boxed),
            #[cfg(feature = "zipkin")]
            Self::Zipkin(zipkin) => zipkin.build().map(boxed),
            #[cfg(feature = "console")]
            Self::Console => Ok(boxed(lianlu_sdk::console::Exporter::new(
                lianlu_sdk::console::Tree::stdout(),
            ))),
            #[allow(unreachable_patterns)]
            _ => Ok(boxed(FailingExporter(String::new()))),
        };
        // All values were checked before; the only remaining errors are a lack of sockets or
        // threads.
        built.unwrap_or_else(|error| {
            let reason = error.to_string();
            let mut reader = Reader::default();
            reader.warn(EXPORTER, &format!("{self:?}"), &*reason, "spans are lost");
            reader.warnings.iter().for_each(print_warning);
            boxed(FailingExporter(reason))
        })
    }
}

fn boxed(export: impl Export) -> Box<dyn Export> {
    Box::new(export)
}

/// Fails every export with this reason.
struct FailingExporter(String);

impl Export for FailingExporter {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        Err(Failure::new(batch.len(), self.0.clone()))
    }
}

// Prints only the name, so that logs never contain credentials.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            #[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
            Self::Otlp(_) => "otlp",
            #[cfg(feature = "otlp-json")]
            Self::OtlpStdout => "otlp/stdout",
            #[cfg(feature = "jaeger")]
            Self::Jaeger(_) => "jaeger",
            #[cfg(feature = "zipkin")]
            Self::Zipkin(_) => "zipkin",
            #[cfg(feature = "console")]
            Self::Console => "console",
            #[allow(unreachable_patterns)]
            _ => "none",
        })
    }
}
