//! Refusals in words: what stands against a command, and the way out.

use backstop_core::{Code, Context, Failure, Roster};

use super::size::format_size;

/// What a command was about, as far as messages name it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct About<'a> {
    pub(crate) organization: &'a str,
    /// The name of the backend.
    pub(crate) backend: &'a str,
    pub(crate) location: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) max_blob_bytes: Option<u64>,
}

/// Returns one line that gives every reason, each with its code and the way out.
pub(crate) fn refusal(codes: &[Code], failure: Option<&Failure>, about: &About<'_>) -> String {
    let reasons: Vec<String> = codes
        .iter()
        .map(|code| format!("{code}: {}", reason(*code, failure, about)))
        .collect();
    reasons.join("; ")
}

fn reason(code: Code, failure: Option<&Failure>, about: &About<'_>) -> String {
    let About {
        organization,
        backend,
        location,
        provider,
        max_blob_bytes,
    } = about;
    let limit = max_blob_bytes.map_or_else(
        || "the limit".to_owned(),
        |limit| format!("a limit of {}", format_size(limit)),
    );
    match code {
        Code::BackendNotFound => {
            format!("organization `{organization}` has no backend `{backend}`, see `backstop casbackend list`")
        }
        Code::ChainFull => {
            "the chain of fallbacks would be longer than the policy allows, raise it with \
             `backstop organization set-policy max-fallbacks=N` or take a fallback off first"
                .into()
        }
        Code::Conflict => {
            format!("organization `{organization}` was changed by somebody else in the meantime, look again and retry")
        }
        Code::DuplicateKind => {
            format!("organization `{organization}` has a backend of that kind already, and may have only one")
        }
        Code::FieldEmpty => format!("backend `{backend}` needs a provider and a location"),
        Code::FieldTooLong => {
            "a description has at most 1024 characters, a location 2048, a provider 64, shorten it".into()
        }
        Code::IdInvalid => "an id has 1 to 64 printable ASCII characters without blanks".into(),
        Code::IdTaken => "the id was used before, and ids are never used again: retry for another one".into(),
        Code::InlineLimitFixed => "an inline backend takes exactly 512000 bytes, and its limit cannot be set".into(),
        Code::InlineUndeletable => format!("`{backend}` is the inline backend, which stays: take its role away instead"),
        Code::LimitTooLarge => format!("{limit} is more than the 9007199254740991 bytes that are possible"),
        Code::LimitTooSmall => format!("{limit} is too small, the least is 10M"),
        Code::ManagedImmutable => {
            format!("`{backend}` is operated by the platform: only its role can be changed (--default, --fallback)")
        }
        Code::ManagedReserved => "only the platform registers a managed backend (--platform)".into(),
        Code::ManagedUndeletable => {
            format!("`{backend}` is operated by the platform, which alone can delete it: take its role away instead")
        }
        Code::NameInvalid => format!(
            "`{backend}` is not a name: use 1 to 63 lowercase letters, digits and hyphens, with no hyphen at the ends"
        ),
        Code::NameTaken => {
            format!("organization `{organization}` has a backend `{backend}` already: choose another name or update it")
        }
        Code::NoCredentials => format!("`{backend}` is the inline backend, which has no credentials to replace"),
        Code::OrganizationNotFound => format!(
            "organization `{organization}` does not exist, create it with `backstop organization create {organization}`"
        ),
        Code::OrganizationTaken => format!("organization `{organization}` exists already: choose another name"),
        Code::PolicyInvalid => {
            "a setting is out of its range: max-fallbacks 0 to 16, fall and rise 1 to 100, hold-down and stale-after up \
             to 365d, check-every and check-others-every 1s to 365d, tail managed and inline, each once"
                .into()
        }
        Code::ProviderUnknown => format!("this program has no validator for the provider `{provider}`"),
        Code::RoleConflict => {
            format!("`{backend}` cannot be the default and a fallback: leave out --default or --fallback")
        }
        Code::RoleDuplicate => format!("a backend of organization `{organization}` would hold two roles"),
        Code::RoleUnknown => format!("a role of organization `{organization}` would be held by a backend that it has not"),
        Code::ValidationFailed => match failure {
            Some(failure) => {
                format!("backend `{backend}` at `{location}` failed its probe ({}): {}", failure.class.code(), failure.message)
            }
            None => format!("backend `{backend}` at `{location}` failed its probe"),
        },
    }
}

/// Says which default a plan would lose or replace, if it would.
pub(crate) fn lost_default(before: &Roster, after: &Roster) -> Option<String> {
    let lost = before.default.as_ref()?;
    if after.default.as_ref() == Some(lost) {
        return None;
    }
    let name = |roster: &Roster, id| {
        roster
            .backend(id)
            .map_or_else(|| lost.to_string(), |b| b.name.to_string())
    };
    let lost = name(before, lost);
    Some(match &after.default {
        Some(successor) => format!(
            "`{}` would replace `{lost}` as the default",
            name(after, successor)
        ),
        None => format!("`{lost}` would no longer be the default, and nobody would take its place"),
    })
}

/// Names the organization of a context.
pub(crate) fn about(context: &Context) -> About<'_> {
    About {
        organization: &context.organization,
        ..About::default()
    }
}
