//! The stable codes of violations and refusals.
//!
//! ```
//! use backstop_core::Code;
//!
//! assert_eq!(Code::RoleConflict.as_str(), "role-conflict");
//! ```

use core::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal,)*) => {
        /// Why a roster breaks an invariant, or why a command or a use case is refused (INV, CMD-12).
        ///
        /// Ordered as the codes are by bytes, so that a sorted set of variants is a sorted set of
        /// codes.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code, sorted.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the stable code.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                }
            }
        }
    };
}

codes! {
    /// No live backend has that id (CMD-2).
    BackendNotFound = "backend-not-found",
    /// The chain of fallbacks is, or would be, longer than the policy allows (INV-2).
    ChainFull = "chain-full",
    /// The revision that the caller saw is not the current one, or retries are exhausted (USE-2).
    Conflict = "conflict",
    /// There is a second inline or a second managed backend (INV-4).
    DuplicateKind = "duplicate-kind",
    /// A provider or a location is empty, and the backend is not inline (INV-5).
    FieldEmpty = "field-empty",
    /// A provider, location or description is too long (INV-5).
    FieldTooLong = "field-too-long",
    /// An id is malformed (INV-3).
    IdInvalid = "id-invalid",
    /// An id is used already, or was (INV-3, HOST-2).
    IdTaken = "id-taken",
    /// An inline backend has one limit, and it cannot be set (INV-5, CMD-4).
    InlineLimitFixed = "inline-limit-fixed",
    /// An inline backend cannot be deleted (CMD-3).
    InlineUndeletable = "inline-undeletable",
    /// A limit is above 2^53 - 1 bytes (INV-5).
    LimitTooLarge = "limit-too-large",
    /// A limit is below 10 MiB (INV-5).
    LimitTooSmall = "limit-too-small",
    /// The organization may only give a managed backend a role (CMD-4).
    ManagedImmutable = "managed-immutable",
    /// Only the platform creates a managed backend (CMD-1).
    ManagedReserved = "managed-reserved",
    /// Only the platform deletes a managed backend (CMD-3).
    ManagedUndeletable = "managed-undeletable",
    /// A name is not an RFC 1123 label (INV-3).
    NameInvalid = "name-invalid",
    /// A live backend has that name already (INV-3).
    NameTaken = "name-taken",
    /// An inline backend has no credentials to rotate (CMD-4).
    NoCredentials = "no-credentials",
    /// There is no such organization (CMD-12).
    OrganizationNotFound = "organization-not-found",
    /// There is such an organization already (CMD-12).
    OrganizationTaken = "organization-taken",
    /// A setting is out of its range (INV-5, CMD-10).
    PolicyInvalid = "policy-invalid",
    /// The host has no validator for that provider (CMD-12).
    ProviderUnknown = "provider-unknown",
    /// One backend cannot be the default and a fallback (CMD-1, CMD-2).
    RoleConflict = "role-conflict",
    /// An id holds two roles (INV-1).
    RoleDuplicate = "role-duplicate",
    /// A role is held by an id that no live backend has (INV-1).
    RoleUnknown = "role-unknown",
    /// The live probe before a create or a rotation failed (USE-1).
    ValidationFailed = "validation-failed",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_ordered_as_their_codes() {
        assert!(Code::ALL.is_sorted_by(|a, b| a.as_str() < b.as_str() && a < b));
    }
}
