//! The gRPC services of the demo, the examples and the tests, generated from `proto/`.
//!
//! The generated code is checked in, so that a build needs no `protoc`. CI generates it again and
//! compares.
#![allow(missing_docs, unreachable_pub, clippy::all)]

/// `helloworld.Greeter`, the first example of every gRPC implementation.
pub mod helloworld {
    include!("generated/helloworld.rs");

    /// The encoded `FileDescriptorSet`, for server reflection.
    pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/helloworld.bin");
}

/// `shop.v1`, the demo's catalog and orders.
pub mod shop {
    include!("generated/shop.v1.rs");
}

/// `lianlu.testing.Echo`: one method for each kind of gRPC call.
pub mod testing {
    include!("generated/lianlu.testing.rs");
}
