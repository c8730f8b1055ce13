//! A collector's sampling strategy, in the protobuf of `api_v2/sampling.proto` or its JSON.

use serde::Deserialize;

#[cfg(feature = "otlp-grpc")]
use crate::export::otlp::protobuf::{Value, fields};

/// The maximum number of operations; further ones use the default ratio.
pub(super) const MAX_OPERATIONS: usize = 2000;

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    probabilistic_sampling: Option<Probabilistic>,
    rate_limiting_sampling: Option<RateLimiting>,
    operation_sampling: Option<Operations>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Probabilistic {
    sampling_rate: f64,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RateLimiting {
    max_traces_per_second: f64,
}

#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Operations {
    default_sampling_probability: f64,
    default_lower_bound_traces_per_second: f64,
    per_operation_strategies: Option<Vec<Operation>>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    operation: String,
    #[serde(default)]
    probabilistic_sampling: Probabilistic,
}

/// A strategy with valid numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Told {
    Ratio(f64),
    PerSecond(f64),
    Operations {
        default: f64,
        /// The minimum number of traces a second for each operation.
        at_least: f64,
        ratios: Vec<(String, f64)>,
    },
}

/// Parses a response; `Err` describes what is wrong with it.
pub(super) fn read(body: &[u8]) -> Result<Told, String> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|error| format!("no sampling strategy: {error}"))?;
    answer.strategy()
}

/// As [`read`], for a `SamplingStrategyResponse` in protobuf.
#[cfg(feature = "otlp-grpc")]
pub(super) fn read_protobuf(message: &[u8]) -> Result<Told, String> {
    let mut answer = Answer::default();
    let fields = fields(message, |number, value| {
        match (number, value) {
            (2, Value::Bytes(it)) => answer.probabilistic_sampling = Some(probabilistic(it)?),
            (3, Value::Bytes(it)) => answer.rate_limiting_sampling = Some(rate_limiting(it)?),
            (4, Value::Bytes(it)) => answer.operation_sampling = Some(operations(it)?),
            _ => {}
        }
        Some(())
    });
    fields.ok_or("no sampling strategy: not a SamplingStrategyResponse")?;
    answer.strategy()
}

#[cfg(feature = "otlp-grpc")]
fn probabilistic(message: &[u8]) -> Option<Probabilistic> {
    let mut it = Probabilistic::default();
    fields(message, |number, value| {
        if let (1, Value::Double(rate)) = (number, value) {
            it.sampling_rate = rate;
        }
        Some(())
    })?;
    Some(it)
}

#[cfg(feature = "otlp-grpc")]
fn rate_limiting(message: &[u8]) -> Option<RateLimiting> {
    let mut it = RateLimiting::default();
    fields(message, |number, value| {
        if let (1, Value::Number(rate)) = (number, value) {
            // An int32, which is sign-extended to 64 bits.
            it.max_traces_per_second = rate.cast_signed() as f64;
        }
        Some(())
    })?;
    Some(it)
}

#[cfg(feature = "otlp-grpc")]
fn operations(message: &[u8]) -> Option<Operations> {
    let mut it = Operations::default();
    let mut ratios = Vec::new();
    fields(message, |number, value| {
        match (number, value) {
            (1, Value::Double(ratio)) => it.default_sampling_probability = ratio,
            (2, Value::Double(rate)) => it.default_lower_bound_traces_per_second = rate,
            (3, Value::Bytes(one)) if ratios.len() < MAX_OPERATIONS => ratios.push(operation(one)?),
            _ => {}
        }
        Some(())
    })?;
    it.per_operation_strategies = Some(ratios);
    Some(it)
}

#[cfg(feature = "otlp-grpc")]
fn operation(message: &[u8]) -> Option<Operation> {
    let mut it = Operation {
        operation: String::new(),
        probabilistic_sampling: Probabilistic::default(),
    };
    fields(message, |number, value| {
        match (number, value) {
            (1, Value::Bytes(name)) => it.operation = String::from_utf8(name.to_vec()).ok()?,
            (2, Value::Bytes(ratio)) => it.probabilistic_sampling = probabilistic(ratio)?,
            _ => {}
        }
        Some(())
    })?;
    Some(it)
}

impl Answer {
    fn strategy(self) -> Result<Told, String> {
        // The order that the protocol requires; its type field is older than per-operation strategies.
        if let Some(operations) = self.operation_sampling {
            let ratios = operations.per_operation_strategies.unwrap_or_default();
            return Ok(Told::Operations {
                default: ratio(operations.default_sampling_probability)?,
                at_least: rate(operations.default_lower_bound_traces_per_second)?,
                ratios: ratios
                    .into_iter()
                    .take(MAX_OPERATIONS)
                    .map(|one| {
                        Ok((
                            one.operation,
                            ratio(one.probabilistic_sampling.sampling_rate)?,
                        ))
                    })
                    .collect::<Result<_, String>>()?,
            });
        }
        if let Some(limit) = self.rate_limiting_sampling {
            return Ok(Told::PerSecond(rate(limit.max_traces_per_second)?));
        }
        match self.probabilistic_sampling {
            Some(share) => Ok(Told::Ratio(ratio(share.sampling_rate)?)),
            None => Err("an answer without a strategy".to_owned()),
        }
    }
}

fn ratio(ratio: f64) -> Result<f64, String> {
    if (0.0..=1.0).contains(&ratio) {
        Ok(ratio)
    } else {
        Err(format!("a ratio of {ratio}, which is not between 0 and 1"))
    }
}

fn rate(rate: f64) -> Result<f64, String> {
    if rate >= 0.0 && rate.is_finite() {
        Ok(rate)
    } else {
        Err(format!("{rate} traces a second"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_each_strategy() {
        let told = |text: &str| read(text.as_bytes()).unwrap();
        assert_eq!(
            told(
                r#"{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.25}}"#
            ),
            Told::Ratio(0.25)
        );
        assert_eq!(
            told(
                r#"{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":5}}"#
            ),
            Told::PerSecond(5.0)
        );
        // With per-operation strategies, a collector also sends a ratio for older clients.
        let operations = r#"{"strategyType":0,"probabilisticSampling":{"samplingRate":1},
            "operationSampling":{"defaultSamplingProbability":0.5,
            "defaultLowerBoundTracesPerSecond":0.1,"perOperationStrategies":[
            {"operation":"GET /a","probabilisticSampling":{"samplingRate":1}},{"operation":"b"}]}}"#;
        let ratios = vec![("GET /a".to_owned(), 1.0), ("b".to_owned(), 0.0)];
        assert_eq!(
            told(operations),
            Told::Operations {
                default: 0.5,
                at_least: 0.1,
                ratios
            }
        );
    }

    #[test]
    fn refuses_invalid_strategies() {
        let deep = "[".repeat(100_000);
        for text in [
            "",
            "null",
            "[]",
            "{}",
            "<html>",
            &deep,
            r#"{"probabilisticSampling":{"samplingRate":1.5}}"#,
            r#"{"probabilisticSampling":{"samplingRate":"a"}}"#,
            r#"{"probabilisticSampling":{"samplingRate":1e999}}"#,
            r#"{"rateLimitingSampling":{"maxTracesPerSecond":-1}}"#,
            r#"{"operationSampling":{"perOperationStrategies":[{}]}}"#,
            r#"{"operationSampling":{"perOperationStrategies":[{"operation":"a","probabilisticSampling":{"samplingRate":-1}}]}}"#,
        ] {
            assert!(read(text.as_bytes()).is_err(), "{text:.80}");
        }
    }

    #[test]
    fn limits_the_number_of_operations() {
        let one = r#"{"operation":"a"}"#;
        let list = vec![one; MAX_OPERATIONS + 10].join(",");
        let text = format!(r#"{{"operationSampling":{{"perOperationStrategies":[{list}]}}}}"#);
        let Told::Operations { ratios, .. } = read(text.as_bytes()).unwrap() else {
            unreachable!()
        };
        assert_eq!(ratios.len(), MAX_OPERATIONS);
    }
}
