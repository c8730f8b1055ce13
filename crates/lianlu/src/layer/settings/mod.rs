//! What a layer can be told, by subject.

mod attributes;
mod conventions;
mod errors;
mod metrics;
mod propagation;
mod providers;
mod streams;
mod which_calls;
