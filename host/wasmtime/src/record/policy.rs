use backstop_core as core;
use serde::{Deserialize, Serialize};

use super::{Kind, LastResort};

/// An organization's settings as an operator writes them: what is left out has its default, and
/// what nobody knows is refused. Ranges are the core's to check (`policy-invalid`).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the fields are documented in the core")]
pub struct Policy {
    pub max_fallbacks: u32,
    pub fall: u32,
    pub rise: u32,
    pub hold_down: u64,
    pub stale_after: u64,
    pub check_every: u64,
    pub check_others_every: u64,
    pub tail: Vec<Kind>,
    pub last_resort: LastResort,
}

impl Policy {
    /// Parses a policy in JSON or YAML.
    ///
    /// # Errors
    ///
    /// [`PolicyError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let malformed = |error: serde_norway::Error| PolicyError::Malformed {
            reason: error.to_string(),
        };
        // JSON is YAML. What is empty would be read as a policy of defaults, and is a mistake.
        let value: serde_norway::Value = serde_norway::from_str(text).map_err(malformed)?;
        if !value.is_mapping() {
            return Err(PolicyError::Malformed {
                reason: "it is not a map of settings".to_owned(),
            });
        }
        serde_norway::from_str(text).map_err(malformed)
    }

    /// Sets one setting, from `KEY=VALUE`. A duration is a number of milliseconds, or has a unit
    /// (`90s`, `30m`, `12h`, `7d`); a tail is a list with commas, and may be empty.
    ///
    /// # Errors
    ///
    /// [`PolicyError::NotAnAssignment`], [`PolicyError::UnknownSetting`] or
    /// [`PolicyError::InvalidValue`]; nothing is set then.
    pub fn assign(&mut self, assignment: &str) -> Result<(), PolicyError> {
        let (key, value) =
            assignment
                .split_once('=')
                .ok_or_else(|| PolicyError::NotAnAssignment {
                    text: assignment.to_owned(),
                })?;
        let invalid = |expected| PolicyError::InvalidValue {
            key: key.to_owned(),
            value: value.to_owned(),
            expected,
        };
        let count = || value.parse().map_err(|_| invalid("a number"));
        let duration = || milliseconds(value).ok_or_else(|| invalid("a duration such as `30m`"));
        match key {
            "max-fallbacks" => self.max_fallbacks = count()?,
            "fall" => self.fall = count()?,
            "rise" => self.rise = count()?,
            "hold-down" => self.hold_down = duration()?,
            "stale-after" => self.stale_after = duration()?,
            "check-every" => self.check_every = duration()?,
            "check-others-every" => self.check_others_every = duration()?,
            "tail" => {
                let kinds = value.split(',').filter(|kind| !kind.is_empty());
                self.tail = kinds
                    .map(|kind| match kind {
                        "inline" => Ok(Kind::Inline),
                        "managed" => Ok(Kind::Managed),
                        _ => Err(invalid("a list of `inline` and `managed`")),
                    })
                    .collect::<Result<_, _>>()?;
            }
            "last-resort" => {
                self.last_resort = match value {
                    "least-bad" => LastResort::LeastBad,
                    "refuse" => LastResort::Refuse,
                    _ => return Err(invalid("`refuse` or `least-bad`")),
                }
            }
            _ => {
                return Err(PolicyError::UnknownSetting {
                    key: key.to_owned(),
                });
            }
        }
        Ok(())
    }
}

impl Default for Policy {
    fn default() -> Self {
        (&core::Policy::default()).into()
    }
}

/// Why a policy cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// The text is no policy.
    #[error("malformed policy: {reason}")]
    Malformed {
        /// What is wrong with it, and where.
        reason: String,
    },
    /// There is no equals sign.
    #[error("`{text}` is not a setting: write `KEY=VALUE`")]
    NotAnAssignment {
        /// What was given.
        text: String,
    },
    /// There is no such setting.
    #[error(
        "unknown setting `{key}`: use max-fallbacks, fall, rise, hold-down, stale-after, check-every, \
         check-others-every, tail or last-resort"
    )]
    UnknownSetting {
        /// Its name.
        key: String,
    },
    /// The value is not of the setting's type.
    #[error("`{value}` does not fit `{key}`: write {expected}")]
    InvalidValue {
        /// The setting.
        key: String,
        /// What was given.
        value: String,
        /// What would fit.
        expected: &'static str,
    },
}

impl From<&core::Policy> for Policy {
    fn from(policy: &core::Policy) -> Self {
        Self {
            max_fallbacks: policy.max_fallbacks,
            fall: policy.fall,
            rise: policy.rise,
            hold_down: policy.hold_down,
            stale_after: policy.stale_after,
            check_every: policy.check_every,
            check_others_every: policy.check_others_every,
            tail: policy.tail.iter().copied().map(Kind::from).collect(),
            last_resort: policy.last_resort.into(),
        }
    }
}

impl From<Policy> for core::Policy {
    fn from(policy: Policy) -> Self {
        Self {
            max_fallbacks: policy.max_fallbacks,
            fall: policy.fall,
            rise: policy.rise,
            hold_down: policy.hold_down,
            stale_after: policy.stale_after,
            check_every: policy.check_every,
            check_others_every: policy.check_others_every,
            tail: policy.tail.into_iter().map(core::Kind::from).collect(),
            last_resort: policy.last_resort.into(),
        }
    }
}

fn milliseconds(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|unit: char| unit.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..)? {
        "" | "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}
