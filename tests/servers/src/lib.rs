//! Real registries and object stores on loopback, for tests.
//!
//! Every server here is a guard: it is ready when its `start` returns, listens on a free port of
//! 127.0.0.1 with storage in a temporary directory, and is gone, with its storage, when the guard
//! is dropped. If the process that holds the guard is killed, its servers stop too.
//!
//! | guard | what answers |
//! | --- | --- |
//! | [`DockerRegistry`] | Debian's `docker-registry`: open, with a password, or read-only |
//! | [`S3`] | versitygw over a directory |
//! | [`Azurite`] | Microsoft's emulator of Azure Blob Storage |
//! | [`FakeGcs`] | fake-gcs-server, an emulator of Google Cloud Storage |
//! | [`Silent`], [`Refused`], [`Redirector`], [`StatusServer`] | what goes wrong: nothing, a closed port, a redirect, any status |
//!
//! The first four need programs that [`install`] fetches once:
//!
//! ```no_run
//! backstop_test_servers::install()?;
//! let registry = backstop_test_servers::DockerRegistry::start()?;
//! println!("push to {}", registry.address());
//! # Ok::<(), backstop_test_servers::Error>(())
//! ```

mod azurite;
mod door;
mod error;
mod gcs;
mod http;
mod process;
mod registry;
mod s3;
mod signing;
mod stand_ins;
mod tools;

pub use azurite::Azurite;
pub use door::Request;
pub use error::Error;
pub use gcs::FakeGcs;
pub use registry::DockerRegistry;
pub use s3::{Account, S3};
pub use stand_ins::{Redirector, Refused, Silent, StatusServer};
pub use tools::{install, tool_directory};
