//! A collector's sampling strategy, in the JSON of `api_v2/sampling.proto`.

use serde::Deserialize;

/// The maximum number of operations; further ones use the default ratio.
pub(super) const MAX_OPERATIONS: usize = 2000;

#[derive(Debug, Clone, PartialEq, Deserialize)]
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
    // The order that the protocol requires; its type field is older than per-operation strategies.
    if let Some(operations) = answer.operation_sampling {
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
    if let Some(limit) = answer.rate_limiting_sampling {
        return Ok(Told::PerSecond(rate(limit.max_traces_per_second)?));
    }
    match answer.probabilistic_sampling {
        Some(share) => Ok(Told::Ratio(ratio(share.sampling_rate)?)),
        None => Err("an answer without a strategy".to_owned()),
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
