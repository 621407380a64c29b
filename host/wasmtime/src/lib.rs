//! The first host of Backstop: the policy in its component, on wasmtime, over a store, sealed
//! credentials and probes; as a library and as a command line.
//!
//! [`ControlPlane`] is the whole of it, for a Rust control plane that has no storage of its own.
//! [`Policy`] is the component alone, for one that has: it takes any
//! [`Storage`](backstop_core::Storage) and [`Validator`](backstop_core::Validator).

pub mod cli;

mod control_plane;
pub use control_plane::{BackendChange, Changed, Checked, ControlPlane, NewBackend, new_id, now};

mod error;
pub use error::Error;

pub mod policy;
pub use policy::Policy;

pub mod probe;
pub mod record;
pub mod secret;
pub mod store;
