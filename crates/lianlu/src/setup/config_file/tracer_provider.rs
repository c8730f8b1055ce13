//! `tracer_provider`, and `attribute_limits`.

use std::time::Duration;

use lianlu_sdk::Limits;
use opentelemetry_sdk::trace::SpanLimits;

use super::section::{Result, Section, Value};
use super::{Environment, Target, exporter, sampler};
use crate::setup::sampler::SamplerOption;

/// The exporters, and what the pipelines share.
pub(super) struct Provider {
    pub(super) targets: Vec<Target>,
    pub(super) environment: Environment,
}

/// Limits for all signals.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct AttributeLimits {
    value_length: Option<usize>,
    count: Option<u32>,
}

impl AttributeLimits {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self> {
        let limits = Self {
            value_length: section.read("attribute_value_length_limit", size)?,
            count: section.read("attribute_count_limit", count)?,
        };
        section.finish();
        Ok(limits)
    }
}

pub(super) fn read(mut section: Section<'_>, general: AttributeLimits) -> Result<Provider> {
    let mut environment = Environment::default();
    let mut targets = Vec::new();
    let mut queue: Option<Limits> = None;
    for value in section.read("processors", Value::list)?.unwrap_or_default() {
        let (kind, value) = value.choice()?;
        let is_batch = match kind.as_str() {
            "batch" => true,
            "simple" => false,
            _ => {
                value.unsupported("is not a known span processor");
                continue;
            }
        };
        let mut section = value.section()?;
        let (mut limits, mut export_timeout) = (Limits::default(), Duration::from_secs(30));
        if is_batch {
            batch(&mut section, &mut limits, &mut export_timeout)?;
        }
        let path = section.path.clone();
        let target = section.needs("exporter", |value| exporter::read(value, export_timeout))?;
        let Some(target) = target else {
            section.finish();
            continue;
        };
        targets.push(target);
        match queue {
            Some(first) if is_batch && first != limits => {
                let why = "has other limits than the first processor, whose limits are used";
                section.note(path, why);
            }
            None if is_batch => queue = Some(limits),
            _ => {}
        }
        section.finish();
    }
    environment.limits = queue.unwrap_or_default();
    let sampler = section.read("sampler", sampler::read)?;
    let sampler = sampler.unwrap_or_else(|| lianlu_sdk::sampling::Sampler::AlwaysOn.parent_based());
    environment.sampler = Some(SamplerOption::Fixed(sampler));
    let mut limits = SpanLimits::default();
    let mut value_length = general.value_length;
    if let Some(count) = general.count {
        limits.max_attributes_per_span = count;
        limits.max_attributes_per_event = count;
        limits.max_attributes_per_link = count;
    }
    if let Some(mut section) = section.read("limits", Value::section)? {
        let length = section.read("attribute_value_length_limit", size)?;
        value_length = length.or(value_length);
        for (key, limit) in [
            ("attribute_count_limit", &mut limits.max_attributes_per_span),
            ("event_count_limit", &mut limits.max_events_per_span),
            ("link_count_limit", &mut limits.max_links_per_span),
            (
                "event_attribute_count_limit",
                &mut limits.max_attributes_per_event,
            ),
            (
                "link_attribute_count_limit",
                &mut limits.max_attributes_per_link,
            ),
        ] {
            if let Some(count) = section.read(key, count)? {
                *limit = count;
            }
        }
        section.finish();
    }
    environment.span_limits = Some(limits);
    // Always set, so that no variable is read.
    environment.value_length = Some(value_length.unwrap_or(usize::MAX));
    if let Some(value) = section.take("id_generator") {
        let (kind, value) = value.choice()?;
        if kind != "random" {
            value.unsupported("is not known, ids are random");
        }
    }
    section.finish();
    Ok(Provider {
        targets,
        environment,
    })
}

fn batch(
    section: &mut Section<'_>,
    limits: &mut Limits,
    export_timeout: &mut Duration,
) -> Result<()> {
    // The defaults of lianlu's pipeline, not of the specification.
    if let Some(delay) = section.read("schedule_delay", millis)? {
        limits.schedule_delay = delay;
    }
    if let Some(timeout) = section.read("export_timeout", timeout)? {
        *export_timeout = timeout;
    }
    if let Some(spans) = section.read("max_queue_size", positive)? {
        limits.queue_size = spans;
    }
    if let Some(spans) = section.read("max_export_batch_size", positive)? {
        limits.batch_size = spans;
    }
    Ok(())
}

fn count(value: Value<'_>) -> Result<u32> {
    let number = value.number()?;
    Ok(u32::try_from(number).unwrap_or(u32::MAX))
}

pub(super) fn size(value: Value<'_>) -> Result<usize> {
    let number = value.number()?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

fn positive(value: Value<'_>) -> Result<usize> {
    let path = value.path.clone();
    match size(value)? {
        0 => Err(super::Problem {
            path,
            problem: "needs a whole number, 1 or more".to_owned(),
        }),
        number => Ok(number),
    }
}

fn millis(value: Value<'_>) -> Result<Duration> {
    Ok(Duration::from_millis(value.number()?))
}

/// 0 is no limit.
pub(super) fn timeout(value: Value<'_>) -> Result<Duration> {
    let timeout = millis(value)?;
    Ok(match timeout.is_zero() {
        true => Duration::MAX,
        false => timeout,
    })
}
