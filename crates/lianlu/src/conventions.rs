//! Which names and keys spans and metrics have: generations of OpenTelemetry's semantic conventions, opt-in attributes,
//! known methods.

pub use crate::describe::methods::{DescriptorError, KnownMethods};
pub use crate::describe::opt_in::OptIn;
pub use crate::describe::settings::RpcStatusKey;
pub use crate::describe::stability::Generation;
pub use crate::grpc::Code as GrpcCode;
pub use crate::layer::settings::conventions::Conventions;
