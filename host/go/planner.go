package backstop

import "context"

// A Planner answers pure questions: what it returns depends on its parameters alone, and it changes
// nothing. It is safe for concurrent use.
//
// Every function answers for any roster, even one that breaks the invariants. An error is an
// [InvalidError] for a parameter that is not one of the contract, [ErrClosed], that of the context, or
// a [TrapError]; those are not mentioned again.
//
// What is passed is read during the call and not kept; nobody may change it meanwhile.
type Planner struct{ engine *Engine }

// Apply returns the roster that a commit of the change-set leads to (INV-7). It checks nothing; see
// [Planner.Check].
func (p *Planner) Apply(ctx context.Context, roster *Roster, changes *ChangeSet) (*Roster, error) {
	err := first(argument("roster", roster, checkRoster), argument("change-set", changes, checkChangeSet))
	if err != nil {
		return nil, err
	}
	applied := new(Roster)
	err = p.engine.call(ctx, callPlannerApply, nil,
		func(l *lowerer, s []uint64) { lowerPlannerApply(l, s, roster, changes) },
		func(m *memory, at uint32) { liftPlannerApply(m, at, applied) })
	if err != nil {
		return nil, err
	}
	return applied, nil
}

// Check returns every invariant that the roster breaks, not just the first: each code once, sorted,
// empty if the roster is sound (INV-1 to INV-5).
func (p *Planner) Check(ctx context.Context, roster *Roster) ([]Code, error) {
	if err := argument("roster", roster, checkRoster); err != nil {
		return nil, err
	}
	var codes []Code
	err := p.engine.call(ctx, callPlannerCheck, nil,
		func(l *lowerer, s []uint64) { lowerPlannerCheck(l, s, roster) },
		func(m *memory, at uint32) { liftPlannerCheck(m, at, &codes) })
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// CreateOrganization returns the plan of a new organization: revision 1, with one inline backend of
// that id as the default (CMD-11).
//
// A malformed id is a [RefusedError] with [CodeIDInvalid].
func (p *Planner) CreateOrganization(ctx context.Context, inline BackendID, call Call) (*Plan, error) {
	if err := first(argument("inline", &inline, checkString), argument("call", &call, checkCall)); err != nil {
		return nil, err
	}
	plan, codes, planned := new(Plan), []Code(nil), false
	err := p.engine.call(ctx, callPlannerCreateOrganization, nil,
		func(l *lowerer, s []uint64) { lowerPlannerCreateOrganization(l, s, &inline, &call) },
		func(m *memory, at uint32) { planned = liftPlannerCreateOrganization(m, at, plan, &codes) })
	return choose(plan, planned, codes, err)
}

// Due returns the backends whose next probe is due at or before now (milliseconds since the epoch),
// the oldest overdue first, ties by id (DUE).
func (p *Planner) Due(ctx context.Context, roster *Roster, now uint64) ([]BackendID, error) {
	if err := first(argument("roster", roster, checkRoster), argument("now", &now, checkU64)); err != nil {
		return nil, err
	}
	var due []BackendID
	err := p.engine.call(ctx, callPlannerDue, nil,
		func(l *lowerer, s []uint64) { lowerPlannerDue(l, s, roster, &now) },
		func(m *memory, at uint32) { liftPlannerDue(m, at, &due) })
	if err != nil {
		return nil, err
	}
	return due, nil
}

// NextDue returns when a backend is to be probed next, in milliseconds since the epoch: 0 if it never
// was, nil if it is unknown, inline or in maintenance (DUE-1).
func (p *Planner) NextDue(ctx context.Context, roster *Roster, backend BackendID, now uint64) (*uint64, error) {
	err := first(
		argument("roster", roster, checkRoster), argument("backend", &backend, checkString),
		argument("now", &now, checkU64),
	)
	if err != nil {
		return nil, err
	}
	var next *uint64
	err = p.engine.call(ctx, callPlannerNextDue, nil,
		func(l *lowerer, s []uint64) { lowerPlannerNextDue(l, s, roster, &backend, &now) },
		func(m *memory, at uint32) { liftPlannerNextDue(m, at, &next) })
	if err != nil {
		return nil, err
	}
	return next, nil
}

// Observe returns what an observation changes, and whether it was applied (CMD-7, CMD-8).
//
// It is dropped without effect if the backend is gone or inline, if its credentials were rotated
// since, or if a newer observation was applied already.
func (p *Planner) Observe(ctx context.Context, roster *Roster, observation Observation, call Call) (*Observed, error) {
	err := first(
		argument("roster", roster, checkRoster), argument("observation", &observation, checkObservation),
		argument("call", &call, checkCall),
	)
	if err != nil {
		return nil, err
	}
	observed := new(Observed)
	err = p.engine.call(ctx, callPlannerObserve, nil,
		func(l *lowerer, s []uint64) { lowerPlannerObserve(l, s, roster, &observation, &call) },
		func(m *memory, at uint32) { liftPlannerObserve(m, at, observed) })
	if err != nil {
		return nil, err
	}
	return observed, nil
}

// Plan returns what a command would change, and the roster that this leads to. It changes nothing
// itself: a dry run is this call without a commit.
//
// A refusal is a [RefusedError] with every code that applies, sorted (CMD-12), and with
// [CodeConflict] alone if the call has seen another revision (USE-2).
func (p *Planner) Plan(ctx context.Context, roster *Roster, command Command, call Call) (*Plan, error) {
	err := first(
		argument("roster", roster, checkRoster), argument("command", &command, checkCommand),
		argument("call", &call, checkCall),
	)
	if err != nil {
		return nil, err
	}
	plan, codes, planned := new(Plan), []Code(nil), false
	err = p.engine.call(ctx, callPlannerPlan, nil,
		func(l *lowerer, s []uint64) { lowerPlannerPlan(l, s, roster, &command, &call) },
		func(m *memory, at uint32) { planned = liftPlannerPlan(m, at, plan, &codes) })
	return choose(plan, planned, codes, err)
}

// RouteRead returns the backends to try for a read, in order and without repeats (READ). The copies
// are the backends that the digest was written to; now is in milliseconds since the epoch.
//
// Whoever reads must verify the digest of what they get.
func (p *Planner) RouteRead(ctx context.Context, roster *Roster, copies []BackendID, now uint64) ([]ReadTry, error) {
	err := first(
		argument("roster", roster, checkRoster), argument("copies", &copies, checkStrings),
		argument("now", &now, checkU64),
	)
	if err != nil {
		return nil, err
	}
	var tries []ReadTry
	err = p.engine.call(ctx, callPlannerRouteRead, nil,
		func(l *lowerer, s []uint64) { lowerPlannerRouteRead(l, s, roster, &copies, &now) },
		func(m *memory, at uint32) { liftPlannerRouteRead(m, at, &tries) })
	if err != nil {
		return nil, err
	}
	return tries, nil
}

// Select returns the backend to write to, or the refusal, always with one trace entry per candidate
// (SEL). Now is in milliseconds since the epoch.
//
// The answer does not depend on the order of the roster's backends.
func (p *Planner) Select(ctx context.Context, roster *Roster, request Request, now uint64) (Answer, error) {
	err := first(
		argument("roster", roster, checkRoster), argument("request", &request, checkRequest),
		argument("now", &now, checkU64),
	)
	if err != nil {
		return Answer{}, err
	}
	var answer Answer
	err = p.engine.call(ctx, callPlannerSelect, nil,
		func(l *lowerer, s []uint64) { lowerPlannerSelect(l, s, roster, &request, &now) },
		func(m *memory, at uint32) { liftPlannerSelect(m, at, &answer) })
	if err != nil {
		return Answer{}, err
	}
	return answer, nil
}

// choose returns what was planned, or the refusal.
func choose(plan *Plan, planned bool, codes []Code, err error) (*Plan, error) {
	switch {
	case err != nil:
		return nil, err
	case !planned:
		return nil, &RefusedError{Codes: codes}
	default:
		return plan, nil
	}
}

// argument checks a parameter.
func argument[T any](name string, v *T, check func(*T, uint64) *InvalidError) error {
	if v == nil {
		return &InvalidError{Path: name, Reason: "is missing"}
	}
	if err := check(v, MaxNumber); err != nil {
		return err.in(name)
	}
	return nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkStrings(v *[]string, most uint64) *InvalidError { return checkList(*v, most, checkString) }
