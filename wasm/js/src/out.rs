//! What comes out: plain objects, with the names that `host/js/index.d.ts` promises.

use backstop_core::{BackendId, Name};
use serde::{Serialize, Serializer, ser::SerializeStruct};
use wasm_bindgen::JsValue;

/// Returns a value of the policy as an object.
pub(crate) fn value(value: &impl Write) -> JsValue {
    let serializer = serde_wasm_bindgen::Serializer::new().serialize_missing_as_null(true);
    Out(value)
        .serialize(&serializer)
        .unwrap_or_else(|_| unreachable!("a value of the policy can be an object"))
}

/// What can be written as an object. A trait of our own, because the policy's types know no
/// serialization.
pub(crate) trait Write {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
}

/// A value of the policy, as serde sees it.
pub(crate) struct Out<'v, T>(pub(crate) &'v T);

impl<T: Write> Serialize for Out<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(serializer)
    }
}

impl Write for bool {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*self)
    }
}

impl Write for u32 {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(*self)
    }
}

/// As a double. No number of the contract is above 2^53 - 1; a sum that is, of times that no clock
/// shows, is the nearest one that a double holds.
impl Write for u64 {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(*self as f64)
    }
}

impl Write for String {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl Write for BackendId {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Write for Name {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<T: Write> Write for Option<T> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => serializer.serialize_some(&Out(value)),
            None => serializer.serialize_none(),
        }
    }
}

impl<T: Write> Write for Vec<T> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Out))
    }
}

/// `{ok: true, value}` or `{ok: false, error}`: a refusal is an answer, not an exception.
impl<T: Write, E: Write> Write for Result<T, E> {
    fn write<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("", 2)?;
        object.serialize_field("ok", &self.is_ok())?;
        match self {
            Ok(value) => object.serialize_field("value", &Out(value))?,
            Err(error) => object.serialize_field("error", &Out(error))?,
        }
        object.end()
    }
}
