//! `tracer_provider.sampler`.

use lianlu_sdk::sampling::{Rules, Sampler, Spans};
use opentelemetry::trace::SpanKind;

use super::section::{Problem, Result, Section, Value};

pub(super) fn read(value: Value<'_>) -> Result<Sampler> {
    let (kind, value) = value.choice()?;
    let path = value.path.clone();
    if kind == "composite/development" {
        return Ok(composable(value)?.composite());
    }
    let mut section = value.section()?;
    let sampler = match kind.as_str() {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "trace_id_ratio_based" => Sampler::TraceIdRatioBased(ratio(&mut section)?),
        "probability/development" => Sampler::Probability(ratio(&mut section)?),
        "always_record" | "always_record/development" => {
            section.needs("sampler", read)?.always_record()
        }
        "parent_based" => parent_based(&mut section)?,
        _ => return unknown(path),
    };
    section.finish();
    Ok(sampler)
}

fn unknown<T>(path: String) -> Result<T> {
    Err(Problem {
        path,
        problem: "is not a supported sampler".to_owned(),
    })
}

fn ratio(section: &mut Section<'_>) -> Result<f64> {
    Ok(section.read("ratio", Value::ratio)?.unwrap_or(1.0))
}

fn parent_based(section: &mut Section<'_>) -> Result<Sampler> {
    let root = section.read("root", read)?.unwrap_or(Sampler::AlwaysOn);
    for (key, is_sampled) in [
        ("remote_parent_sampled", true),
        ("remote_parent_not_sampled", false),
        ("local_parent_sampled", true),
        ("local_parent_not_sampled", false),
    ] {
        let path = section.path_of(key);
        let follows = match section.read(key, read)? {
            None => true,
            Some(Sampler::AlwaysOn) => is_sampled,
            Some(Sampler::AlwaysOff) => !is_sampled,
            Some(_) => false,
        };
        if !follows {
            let problem = "is not supported: spans follow their parent".to_owned();
            return Err(Problem { path, problem });
        }
    }
    Ok(root.parent_based())
}

fn composable(value: Value<'_>) -> Result<Sampler> {
    let (kind, value) = value.choice()?;
    let path = value.path.clone();
    let mut section = value.section()?;
    let sampler = match kind.as_str() {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "probability" => Sampler::Probability(ratio(&mut section)?),
        "parent_threshold" => section.needs("root", composable)?.parent_based(),
        "rule_based" => rules(section.read("rules", Value::list)?.unwrap_or_default())?,
        _ => return unknown(path),
    };
    section.finish();
    Ok(sampler)
}

fn rules(list: Vec<Value<'_>>) -> Result<Sampler> {
    let mut rules = Rules::new().otherwise(Sampler::AlwaysOff);
    for value in list {
        let mut section = value.section()?;
        let sampler = section.needs("sampler", composable)?;
        // Each condition is one of several; all conditions must hold.
        let mut all = vec![Spans::any()];
        if let Some(value) = section.take("attribute_values") {
            let mut section = value.section()?;
            let key = section.needs("key", Value::text)?;
            let values = section.needs("values", Value::texts)?;
            // A star in a value would be a pattern.
            if values.iter().any(|value| value.contains('*')) {
                return Err(Problem {
                    path: section.path_of("values"),
                    problem: "must not have a *".to_owned(),
                });
            }
            all = each(&all, &values, |spans, value| {
                spans.attribute(key.clone(), value)
            });
            section.finish();
        }
        if let Some(value) = section.take("attribute_patterns") {
            let mut section = value.section()?;
            let key = section.needs("key", Value::text)?;
            let included = section.read("included", Value::texts)?;
            let included = included.unwrap_or_else(|| vec!["*".to_owned()]);
            all = each(&all, &included, |spans, pattern| {
                spans.attribute_pattern(key.clone(), pattern)
            });
            refuse(&mut section, "excluded")?;
            section.finish();
        }
        let path = section.path_of("span_kinds");
        if let Some(kinds) = section.read("span_kinds", Value::texts)? {
            let kinds: Option<Vec<_>> = kinds.iter().map(|kind| span_kind(kind)).collect();
            let problem = "needs server, client, producer, consumer or internal".to_owned();
            let kinds = kinds.ok_or(Problem { path, problem })?;
            all = each(&all, &kinds, Spans::kind);
        }
        refuse(&mut section, "parent")?;
        section.finish();
        for spans in all {
            rules = rules.sampler(spans, sampler.clone());
        }
    }
    Ok(rules.into())
}

/// Each of `all`, with each of these conditions.
fn each<C: Clone>(all: &[Spans], conditions: &[C], add: impl Fn(Spans, C) -> Spans) -> Vec<Spans> {
    let with = |spans: &Spans| {
        let conditions = conditions.iter().cloned();
        conditions
            .map(|it| add(spans.clone(), it))
            .collect::<Vec<_>>()
    };
    all.iter().flat_map(with).collect()
}

/// A condition that is left out would sample other spans.
fn refuse(section: &mut Section<'_>, key: &str) -> Result<()> {
    match section.take(key) {
        Some(value) => value.problem("is not supported"),
        None => Ok(()),
    }
}

fn span_kind(text: &str) -> Option<SpanKind> {
    Some(match text {
        "server" => SpanKind::Server,
        "client" => SpanKind::Client,
        "producer" => SpanKind::Producer,
        "consumer" => SpanKind::Consumer,
        "internal" => SpanKind::Internal,
        _ => return None,
    })
}
