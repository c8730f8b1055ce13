//! `OTEL_TRACES_EXPORTER`, and the options of the chosen exporter.

use std::fmt;
use std::time::Duration;

use lianlu_sdk::env::Reader;
use lianlu_sdk::{Batch, Export, Failure, OptionError};

use super::print_warning;

const EXPORTER: &str = "OTEL_TRACES_EXPORTER";

/// Where spans are exported to.
#[derive(Clone)]
pub(super) enum Target {
    #[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
    Otlp(super::otlp::Otlp),
    #[cfg(feature = "jaeger")]
    Jaeger(super::jaeger::Jaeger),
    #[cfg(feature = "zipkin")]
    Zipkin(super::zipkin::Zipkin),
    #[cfg(feature = "console")]
    Console,
    Discard,
}

pub(super) fn read(reader: &mut Reader, timeout: Duration) -> Target {
    let text = reader.text(EXPORTER).unwrap_or_default();
    let mut names = text.split(',').map(str::trim).filter(|it| !it.is_empty());
    let name = names.next().unwrap_or("otlp");
    if names.next().is_some() {
        let problem = "lianlu has one exporter at a time";
        reader.warn(EXPORTER, &text, problem, format!("{name} is used"));
    }
    match by_name(name, reader, timeout) {
        Ok(target) => target,
        Err(problem) => {
            let default = (name != "otlp")
                .then(|| by_name("otlp", reader, timeout).ok())
                .flatten();
            let instead = match default {
                Some(_) => "otlp is used",
                None => "spans are discarded",
            };
            reader.warn(EXPORTER, name, problem, instead);
            default.unwrap_or(Target::Discard)
        }
    }
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
    match name.to_ascii_lowercase().as_str() {
        #[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
        "otlp" => Ok(Target::Otlp(super::otlp::read(reader, timeout))),
        #[cfg(feature = "jaeger")]
        "jaeger" => Ok(Target::Jaeger(super::jaeger::read(reader, timeout))),
        #[cfg(feature = "zipkin")]
        "zipkin" => Ok(Target::Zipkin(super::zipkin::read(reader, timeout))),
        // `logging` is the older name.
        #[cfg(feature = "console")]
        "console" | "logging" => Ok(Target::Console),
        "none" => Ok(Target::Discard),
        // Reachable for a name whose feature is off.
        #[allow(unreachable_patterns)]
        name @ ("otlp" | "jaeger" | "zipkin" | "console") => Err(format!(
            "this program was built without the feature `{name}`"
        )),
        _ => Err("not an exporter (otlp, jaeger, zipkin, console, none)".to_owned()),
    }
}

impl Target {
    pub(super) fn build(&self) -> Box<dyn Export> {
        let built: Result<Box<dyn Export>, OptionError> = match self {
            #[cfg(any(feature = "otlp-grpc", feature = "otlp-http"))]
            Self::Otlp(otlp) => otlp.build().map(boxed),
            #[cfg(feature = "jaeger")]
            Self::Jaeger(jaeger) => jaeger.build().map(boxed),
            #[cfg(feature = "zipkin")]
            Self::Zipkin(zipkin) => zipkin.build().map(boxed),
            #[cfg(feature = "console")]
            Self::Console => Ok(boxed(lianlu_sdk::console::Exporter::new(
                lianlu_sdk::console::Tree::stdout(),
            ))),
            Self::Discard => Ok(boxed(FailingExporter(String::new()))),
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
            #[cfg(feature = "jaeger")]
            Self::Jaeger(_) => "jaeger",
            #[cfg(feature = "zipkin")]
            Self::Zipkin(_) => "zipkin",
            #[cfg(feature = "console")]
            Self::Console => "console",
            Self::Discard => "none",
        })
    }
}
