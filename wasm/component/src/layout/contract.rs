// Made from the contract by `cargo xtask generate`; not for editing.

use super::*;

described!(BackendRef, 16, 4, "id name ");
described!(Kind, 1, 1, "External Inline Managed ");
described!(Mode, 1, 1, "Drain Maintenance Ready ");
described!(LastResort, 1, 1, "LeastBad Refuse ");
described!(Policy, 64, 8, "max_fallbacks fall rise hold_down stale_after check_every check_others_every tail last_resort ");
described!(Status, 1, 1, "Valid Invalid ");
described!(FailureClass, 1, 1, "Auth Configuration Integrity Internal Network NotFound Permission Quota Secrets Server Throttled Timeout ");
described!(Failure, 12, 4, "class message ");
described!(Health, 72, 8, "status since checked_at failures successes failure excuse ");
described!(Backend, 144, 8, "id name kind provider location description max_blob_bytes mode generation health ");
described!(Roster, 120, 8, "revision default fallbacks policy route backends ");
described!(Outcome, 16, 4, "Ok Failed ");
#[cfg(feature = "policy")]
described!(Probe, 24, 8, "outcome finished_at ");
described!(Request, 16, 8, "size ");
described!(RefusalReason, 24, 8, "Required TooLarge Unavailable ");
described!(Position, 8, 4, "Default Fallback Managed Inline ");
described!(Verdict, 16, 8, "Drained Invalid LastResort Maintenance NotReached Recovering Selected TooLarge Vacant ");
described!(TraceEntry, 48, 8, "position backend verdict ");
described!(Decision, 56, 8, "backend generation position degraded revision trace ");
described!(Refusal, 40, 8, "reason revision trace ");
described!(ReadReason, 1, 1, "Copy Unlisted WriteTarget ");
described!(ReadTry, 12, 4, "backend reason ");
described!(By, 1, 1, "Organization Platform ");
described!(Context, 48, 8, "organization actor by now seen ");
described!(Create, 72, 8, "id name kind provider location description max_blob_bytes mode default fallback checked ");
described!(Update, 48, 8, "backend description max_blob_bytes default fallback mode rotate checked ");
described!(Command, 80, 8, "Create Update Delete SetPolicy ");
described!(Code, 1, 1, "BackendNotFound ChainFull Conflict DuplicateKind FieldEmpty FieldTooLong IdInvalid IdTaken InlineLimitFixed InlineUndeletable LimitTooLarge LimitTooSmall ManagedImmutable ManagedReserved ManagedUndeletable NameInvalid NameTaken NoCredentials OrganizationNotFound OrganizationTaken PolicyInvalid ProviderUnknown RoleConflict RoleDuplicate RoleUnknown ValidationFailed ");
described!(Change, 152, 8, "CreateOrganization CreateBackend UpdateBackend SetRoles DeleteBackend SetPolicy SetRoute ");
described!(Observation, 40, 8, "backend generation finished_at outcome ");
described!(Subject, 36, 4, "id name kind provider location ");
described!(Cause, 1, 1, "Promoted Requested ");
described!(EventKind, 136, 8, "OrganizationCreated BackendCreated BackendUpdated BackendDeleted CredentialsRotated StatusChanged DefaultChanged DefaultVacated FallbacksChanged PolicyChanged RouteChanged ");
described!(Event, 168, 8, "organization revision at actor kind ");
described!(ChangeSet, 24, 8, "revision changes events ");
described!(Plan, 144, 8, "change_set roster ");
described!(Observed, 152, 8, "applied plan ");
#[cfg(feature = "policy")]
described!(ControlError, 28, 4, "Refused Failed ");
#[cfg(feature = "policy")]
described!(Resolution, 72, 8, "answer due ");
#[cfg(feature = "policy")]
described!(Validation, 184, 8, "probe applied plan ");
#[cfg(feature = "policy")]
described!(StorageError, 12, 4, "OrganizationNotFound Failed ");
#[cfg(feature = "policy")]
described!(CommitError, 12, 4, "Conflict IdTaken Failed ");
