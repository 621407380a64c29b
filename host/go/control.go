package backstop

import (
	"context"
	"time"
)

// A Storage keeps rosters: all that a host has to do, besides probing.
//
// The policy relies on Commit being atomic and on the compare-and-swap of the revision, and on nothing
// else: it never waits, locks, or keeps anything between calls.
//
// An error that is none of the answers below says that the storage failed, and that trying again may
// help. Its text is told to whoever called, and must not contain credentials. A panic, and what is no
// roster, are such errors too. They end the use case as a [StorageError]; a resolution that has
// selected a backend stands, though what it saw could not be committed (RES-2). When the context ends
// the call ends, even if the storage goes on: whether a commit
// that was under way was made is then only known to the storage.
type Storage interface {
	// Load returns the organization's roster, read in one consistent read: all of it as of one
	// revision. After a Commit that succeeded, a Load by the same caller must not return an earlier
	// revision. The roster must not be changed any more once it is returned.
	//
	// If there is no such organization, the error must match [ErrOrganizationNotFound].
	Load(ctx context.Context, organization OrganizationID) (*Roster, error)

	// Commit writes the whole change-set with its events in one transaction, or nothing.
	//
	// If the organization's revision is not the expected one (0: the organization does not exist
	// yet), nothing may be written, and the error must match [ErrConflict]; a storage should wait a
	// short random time before it says so, so that those who compete for the next attempt do not meet
	// again (USE-2). If the id of a new backend was used before, by one that is deleted, the error
	// must match [ErrIDTaken] (HOST-2).
	Commit(ctx context.Context, organization OrganizationID, expected uint64, changes *ChangeSet) error
}

// A Validator probes backends. It alone holds the credentials (HOST-1).
type Validator interface {
	// Validate probes a backend with the credentials of that generation, and returns how this ended.
	//
	// It must always answer, within a deadline of its own: a probe that does not end in time is the
	// outcome [ClassTimeout], one that fails for the host's own reasons is [ClassInternal] (USE-3,
	// RES-3). It must leave nothing behind on the backend (HOST-3), and must refuse targets that HOST-4
	// forbids.
	//
	// It need not look whether another probe of the backend is under way: of what is stored, a
	// [Control] has one probe at a time, and lets others who ask for it wait (RES-2). The context is that
	// of the one who came first, with its values. If it ends before the validator has answered, one of
	// those who wait has the backend probed anew, whether the validator goes on or not.
	//
	// An error, a panic, and what is no probe, say nothing about the backend: they are the outcome
	// [ClassInternal], which fails nothing over, with a message that does not repeat theirs
	// ([WithValidatorErrors] tells it). When the context has ended, what is said of the backend, other
	// than that it passed, is dropped; the use case ends with the error of its context, or, where only
	// the time for its probes is over, answers all the same ([WithProbeLimit]).
	//
	// The backend need not be stored yet: it is probed before it is created, and new credentials
	// before they are (USE-1). Such a probe is shared with nobody.
	//
	// A validator that begins a use case itself must pass its context on, or one made of it: then that
	// waits for nobody who waits for the validator.
	Validate(ctx context.Context, organization OrganizationID, backend BackendID, generation uint64) (Probe, error)
}

// A Control runs the use cases: load, plan and commit around the [Planner], over a storage and a
// validator. It is safe for concurrent use.
//
// Each call stands for itself and concerns the organization of its [Call] alone, but for one thing:
// [Control.Resolve] and [Control.Validate] share a probe of the same backend with the same credentials
// that is under way (RES-2), so there should be one Control for a storage and its validator. A commit
// that meets a conflict is planned again on a fresh roster, 8 attempts in all (USE-2).
//
// An error is a [RefusedError] if the use case was refused, and nothing changed; a [StorageError] if
// the storage failed; or as for a [Planner]. When the context ends,
// the error matches that of the context.
type Control struct {
	engine    *Engine
	storage   Storage
	validator Validator
	flights   *flights
}

// Resolve returns the backend to write to, or the refusal (RES-1, RES-2).
//
// The happy path loads and selects. Before refusing with [RefusalUnavailable], and before a last
// resort, the invalid candidates that have cooled down are probed, within the time of [WithProbeLimit],
// and what was seen is committed. A refusal to select is an answer; a [RefusedError] here is
// [CodeOrganizationNotFound].
func (c *Control) Resolve(ctx context.Context, request Request, call Call) (*Resolution, error) {
	resolution := new(Resolution)
	err := c.run(ctx, callControlResolve, &call, argument("request", &request, checkRequest),
		func(l *lowerer, s []uint64) { lowerControlResolve(l, s, &request, &call) },
		func(m *memory, at uint32, err *controlError) bool {
			return liftControlResolve(m, at, resolution, err)
		})
	if err != nil {
		return nil, err
	}
	return resolution, nil
}

// Create registers a backend: cheap checks, then the live probe, then the commit (CMD-1, USE-1).
//
// An inline backend, and one that starts in maintenance, is not probed. Checked is ignored. Refused
// with the codes of CMD-12, [CodeValidationFailed] with the failure among them.
func (c *Control) Create(ctx context.Context, create Create, call Call) (*Plan, error) {
	return c.plan(ctx, callControlCreate, &call, argument("create", &create, checkCreate),
		func(l *lowerer, s []uint64) { lowerControlCreate(l, s, &create, &call) }, liftControlCreate)
}

// Update changes a backend; new credentials are probed first (CMD-2, USE-1).
//
// Credentials of a backend that is, or goes, in maintenance are not probed. Checked is ignored.
// Refused as [Control.Create] is, and with [CodeConflict] if somebody else rotated the credentials in
// the meantime.
func (c *Control) Update(ctx context.Context, update Update, call Call) (*Plan, error) {
	return c.plan(ctx, callControlUpdate, &call, argument("update", &update, checkUpdate),
		func(l *lowerer, s []uint64) { lowerControlUpdate(l, s, &update, &call) }, liftControlUpdate)
}

// Delete deletes a backend, softly (CMD-3).
func (c *Control) Delete(ctx context.Context, backend BackendID, call Call) (*Plan, error) {
	return c.plan(ctx, callControlDelete, &call, argument("backend", &backend, checkString),
		func(l *lowerer, s []uint64) { lowerControlDelete(l, s, &backend, &call) }, liftControlDelete)
}

// Validate probes a backend and submits what was seen (USE-3). If a probe of it is under way, it waits for
// that instead.
//
// Refused with [CodeBackendNotFound], [CodeOrganizationNotFound] or, when the retries are exhausted,
// [CodeConflict]. A probe that fails is no error: it is the probe of the answer.
func (c *Control) Validate(ctx context.Context, backend BackendID, call Call) (*Validation, error) {
	validation := new(Validation)
	err := c.run(ctx, callControlValidate, &call, argument("backend", &backend, checkString),
		func(l *lowerer, s []uint64) { lowerControlValidate(l, s, &backend, &call) },
		func(m *memory, at uint32, err *controlError) bool {
			return liftControlValidate(m, at, validation, err)
		})
	if err != nil {
		return nil, err
	}
	return validation, nil
}

// SetPolicy replaces the organization's policy (CMD-10).
func (c *Control) SetPolicy(ctx context.Context, policy Policy, call Call) (*Plan, error) {
	return c.plan(ctx, callControlSetPolicy, &call, argument("policy", &policy, checkPolicy),
		func(l *lowerer, s []uint64) { lowerControlSetPolicy(l, s, &policy, &call) }, liftControlSetPolicy)
}

// CreateOrganization creates an organization with one inline backend of that id as its default
// (CMD-11).
//
// Refused with [CodeIDInvalid], [CodeIDTaken] or [CodeOrganizationTaken].
func (c *Control) CreateOrganization(ctx context.Context, inline BackendID, call Call) (*Plan, error) {
	return c.plan(ctx, callControlCreateOrganization, &call, argument("inline", &inline, checkString),
		func(l *lowerer, s []uint64) { lowerControlCreateOrganization(l, s, &inline, &call) },
		liftControlCreateOrganization)
}

// plan runs a use case that comes to a plan.
func (c *Control) plan(
	ctx context.Context, which int, call *Call, invalid error, lower func(*lowerer, []uint64),
	lift func(*memory, uint32, *Plan, *controlError) bool,
) (*Plan, error) {
	plan := new(Plan)
	err := c.run(ctx, which, call, invalid, lower, func(m *memory, at uint32, err *controlError) bool {
		return lift(m, at, plan, err)
	})
	if err != nil {
		return nil, err
	}
	return plan, nil
}

// run runs a use case, if its parameters are valid. Lift says whether it came to an answer, and lifts
// that or the error.
func (c *Control) run(
	ctx context.Context, which int, call *Call, invalid error, lower func(*lowerer, []uint64),
	lift func(*memory, uint32, *controlError) bool,
) error {
	if err := first(invalid, argument("call", call, checkCall)); err != nil {
		return err
	}
	if !c.engine.made() {
		return ErrClosed
	}
	if c.storage == nil {
		return &InvalidError{Path: "storage", Reason: "is missing"}
	}
	if c.validator == nil {
		return &InvalidError{Path: "validator", Reason: "is missing"}
	}
	dismiss, err := c.engine.pool.admit(ctx)
	if err != nil {
		return err
	}
	defer dismiss()
	outer, _ := ctx.Value(sessionKey{}).(*session)
	s := &session{
		engine: c.engine, outer: outer, which: which, organization: call.Organization, now: call.Now,
		storage: c.storage, validator: c.validator, flights: c.flights, began: time.Now(),
	}
	defer s.over.Store(true)
	answered, failed := false, controlError{}
	err = c.engine.call(ctx, which, s, lower, func(m *memory, at uint32) {
		answered = lift(m, at, &failed)
	})
	switch {
	case err != nil:
		return err
	case answered:
		return nil
	case failed.Kind == controlRefused:
		return &RefusedError{Codes: failed.Refused.Codes, Failure: failed.Refused.Failure}
	case s.stored != nil && s.stored.Message == failed.Failed:
		return s.stored
	default:
		return &StorageError{Op: "answer", Message: failed.Failed}
	}
}
