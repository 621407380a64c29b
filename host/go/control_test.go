package backstop_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	backstop "backstop.example/go"
)

// ---- The door ----

func TestParametersThatAreNoneAreRefusedBeforeAnythingRuns(t *testing.T) {
	engine := start(t)
	planner := engine.Planner()
	ctx := t.Context()
	const above = backstop.MaxNumber + 1
	// changed returns a roster that differs in one thing.
	changed := func(change func(*backstop.Roster)) *backstop.Roster {
		roster := many(2)
		change(roster)
		return roster
	}
	selects := func(roster *backstop.Roster) error {
		_, err := planner.Select(ctx, roster, backstop.Request{}, 0)
		return err
	}
	plans := func(command backstop.Command) error {
		_, err := planner.Plan(ctx, many(2), command, call(0))
		return err
	}
	create := backstop.NewCreate("c", "c", backstop.KindExternal, "OCI", "r")
	number := uint64(above)
	text := "\xff"
	mode := backstop.Mode("off")
	for want, err := range map[string]error{
		"`roster` is missing": selects(nil),
		"`roster.revision` is 9007199254740992: give at most 9007199254740991": selects(changed(func(r *backstop.Roster) {
			r.Revision = above
		})),
		"`roster.policy.check-every` is 9007199254740992: give at most 9007199254740991": selects(changed(func(r *backstop.Roster) {
			r.Policy.CheckEvery = above
		})),
		"`roster.default` is not UTF-8": selects(changed(func(r *backstop.Roster) { r.Default = &text })),
		"`roster.backends[1].description` is not UTF-8": selects(changed(func(r *backstop.Roster) {
			r.Backends[1].Description = text
		})),
		"`roster.backends[1].mode` is `off`: give one of `drain`, `maintenance`, `ready`": selects(changed(func(r *backstop.Roster) {
			r.Backends[1].Mode = mode
		})),
		"`roster.backends[0].health.since` is 9007199254740992: give at most 9007199254740991": selects(changed(func(r *backstop.Roster) {
			r.Backends[0].Health.Since = &number
		})),
		"`roster.policy.tail[0]` is ``: give one of `external`, `inline`, `managed`": selects(changed(func(r *backstop.Roster) {
			r.Policy.Tail = []backstop.Kind{""}
		})),
		"`command` is missing": plans(nil),
		"`command` is a *backstop.Create: give one of the types that [Command] names, as a value": plans(&create),
		"`command.create.kind` is ``: give one of `external`, `inline`, `managed`":                plans(backstop.Create{}),
		"`command.update.mode` is `off`: give one of `drain`, `maintenance`, `ready`":             plans(backstop.Update{Mode: &mode}),
		"`request.size` is 9007199254740992: give at most 9007199254740991": func() error {
			_, err := planner.Select(ctx, many(2), backstop.Request{Size: &number}, 0)
			return err
		}(),
		"`now` is 9007199254740992: give at most 9007199254740991": func() error {
			_, err := planner.Due(ctx, many(2), above)
			return err
		}(),
		"`copies[1]` is not UTF-8": func() error {
			_, err := planner.RouteRead(ctx, many(2), []string{"a", text}, 0)
			return err
		}(),
		"`change-set` is missing": func() error {
			_, err := planner.Apply(ctx, many(2), nil)
			return err
		}(),
		"`change-set.changes[0]` is missing": func() error {
			_, err := planner.Apply(ctx, many(2), &backstop.ChangeSet{Changes: []backstop.Change{nil}})
			return err
		}(),
		"`observation.outcome` is missing": func() error {
			_, err := planner.Observe(ctx, many(2), backstop.Observation{}, call(0))
			return err
		}(),
		"`call.by` is ``: give one of `organization`, `platform`": func() error {
			_, err := planner.CreateOrganization(ctx, "a", backstop.Call{})
			return err
		}(),
		"`call.organization` is not UTF-8": func() error {
			_, err := engine.Control(&memory{}, probes{}).Resolve(ctx, backstop.Request{},
				backstop.Call{Organization: text, By: backstop.ByPlatform})
			return err
		}(),
		"`storage` is missing": func() error {
			_, err := engine.Control(nil, probes{}).Resolve(ctx, backstop.Request{}, call(0))
			return err
		}(),
		"`validator` is missing": func() error {
			_, err := engine.Control(&memory{}, nil).Resolve(ctx, backstop.Request{}, call(0))
			return err
		}(),
		"`WithPoolSize` is 0: give at least 1":                    func() error { _, err := backstop.New(ctx, backstop.WithPoolSize(0)); return err }(),
		"`WithMaxUseCases` is 0: give at least 1":                 func() error { _, err := backstop.New(ctx, backstop.WithMaxUseCases(0)); return err }(),
		"`WithProbeLimit` is 0s: give more than 0":                func() error { _, err := backstop.New(ctx, backstop.WithProbeLimit(0)); return err }(),
		"`WithProbeLimit` is -1s: give more than 0":               func() error { _, err := backstop.New(ctx, backstop.WithProbeLimit(-time.Second)); return err }(),
		"`WithMemoryLimit` is 1: give 1,048,576 to 4,294,967,296": func() error { _, err := backstop.New(ctx, backstop.WithMemoryLimit(1)); return err }(),
	} {
		var invalid *backstop.InvalidError
		if !errors.As(err, &invalid) || err.Error() != want {
			t.Errorf("got %v\nnot %s", err, want)
		}
	}
	// That a limit is too large is for the policy to say.
	codes, err := planner.Check(ctx, changed(func(r *backstop.Roster) { r.Backends[0].MaxBlobBytes = above }))
	if err != nil || !reflect.DeepEqual(codes, []backstop.Code{backstop.CodeLimitTooLarge}) {
		t.Errorf("got %v, %v", codes, err)
	}
}

// ---- Storages and validators that fail ----

// broken is a storage whose functions are given.
type broken struct {
	load   func(context.Context) (*backstop.Roster, error)
	commit func(context.Context) error
}

func (b broken) Load(ctx context.Context, _ string) (*backstop.Roster, error) {
	if b.load == nil {
		return many(2), nil
	}
	return b.load(ctx)
}

func (b broken) Commit(ctx context.Context, _ string, _ uint64, _ *backstop.ChangeSet) error {
	return b.commit(ctx)
}

type validator func(context.Context) (backstop.Probe, error)

func (v validator) Validate(ctx context.Context, _, _ string, _ uint64) (backstop.Probe, error) {
	return v(ctx)
}

var errDown = errors.New("the database is down")

type rude struct{}

func (rude) Error() string { panic("no text") }

func TestAStorageThatFailsIsAnErrorOfItsOwn(t *testing.T) {
	engine := start(t, backstop.WithPoolSize(1))
	loads := func(load func(context.Context) (*backstop.Roster, error)) error {
		_, err := engine.Control(broken{load: load}, probes{}).Resolve(t.Context(), backstop.Request{}, call(2_000))
		return err
	}
	commits := func(commit func(context.Context) error) error {
		_, err := engine.Control(broken{commit: commit}, probes{}).SetPolicy(t.Context(), backstop.Policy{
			Fall: 2, Rise: 1, MaxFallbacks: 1, CheckEvery: 1_000, CheckOthersEvery: 1_000, LastResort: backstop.LastResortRefuse,
		}, call(2_000))
		return err
	}
	invalid := many(2)
	invalid.Backends[1].Generation = backstop.MaxNumber + 1
	illFormed := many(2)
	illFormed.Fallbacks = []string{"\xff"}
	for _, c := range []struct {
		want string
		op   string
		err  error
		is   error
	}{
		{"the storage failed to load: the database is down", "load",
			loads(func(context.Context) (*backstop.Roster, error) { return nil, fmt.Errorf("%w", errDown) }), errDown},
		{"the storage failed to load: `roster` is missing", "load",
			loads(func(context.Context) (*backstop.Roster, error) { return nil, nil }), nil},
		{"the storage failed to load: `roster.backends[1].generation` is 9007199254740992: give at most 9007199254740991", "load",
			loads(func(context.Context) (*backstop.Roster, error) { return invalid, nil }), nil},
		{"the storage failed to load: `roster.fallbacks[0]` is not UTF-8", "load",
			loads(func(context.Context) (*backstop.Roster, error) { return illFormed, nil }), nil},
		{"the storage failed to load: panic: the database is down", "load",
			loads(func(context.Context) (*backstop.Roster, error) { panic(errDown) }), errDown},
		{"the storage failed to load: panic: 7", "load",
			loads(func(context.Context) (*backstop.Roster, error) { panic(7) }), nil},
		{"the storage failed to load: it ended its goroutine", "load",
			loads(func(context.Context) (*backstop.Roster, error) { runtime.Goexit(); return nil, nil }), nil},
		{"the storage failed to load: an error that panics when it is asked for its text", "load",
			loads(func(context.Context) (*backstop.Roster, error) { return nil, rude{} }), nil},
		{"the storage failed to load: a \uFFFD b", "load",
			loads(func(context.Context) (*backstop.Roster, error) { return nil, errors.New("a \xff b") }), nil},
		{"the storage failed to commit: the database is down", "commit",
			commits(func(context.Context) error { return errDown }), errDown},
		{"the storage failed to commit: panic: the database is down", "commit",
			commits(func(context.Context) error { panic(errDown) }), errDown},
	} {
		var stored *backstop.StorageError
		if !errors.As(c.err, &stored) || stored.Op != c.op || c.err.Error() != c.want {
			t.Errorf("got %v\nnot %s", c.err, c.want)
		}
		if c.is != nil && !errors.Is(c.err, c.is) {
			t.Errorf("%v does not match %v", c.err, c.is)
		}
	}
	// The place is free, whatever went wrong.
	if err := loads(nil); err != nil {
		t.Error(err)
	}
}

func TestAnswersOfAStorageAreRefusals(t *testing.T) {
	engine := start(t)
	for _, c := range []struct {
		code   backstop.Code
		answer error
		call   func(*backstop.Control) error
	}{
		{backstop.CodeOrganizationNotFound, backstop.ErrOrganizationNotFound, func(c *backstop.Control) error {
			_, err := c.Resolve(t.Context(), backstop.Request{}, call(2_000))
			return err
		}},
		{backstop.CodeConflict, backstop.ErrConflict, func(c *backstop.Control) error {
			_, err := c.Delete(t.Context(), many(2).Backends[1].ID, call(2_000))
			return err
		}},
		{backstop.CodeIDTaken, backstop.ErrIDTaken, func(c *backstop.Control) error {
			_, err := c.Create(t.Context(), backstop.NewCreate("c", "c", backstop.KindExternal, "OCI", "r"), call(2_000))
			return err
		}},
	} {
		answer := fmt.Errorf("row 7: %w", c.answer)
		storage := broken{commit: func(context.Context) error { return answer }}
		if c.answer == backstop.ErrOrganizationNotFound {
			storage.load = func(context.Context) (*backstop.Roster, error) { return nil, answer }
		}
		err := c.call(engine.Control(storage, probes{}))
		var refused *backstop.RefusedError
		if !errors.As(err, &refused) || !refused.Has(c.code) || !errors.Is(err, c.answer) {
			t.Errorf("%s: got %v", c.code, err)
		}
		if want := "refused: " + string(c.code); err == nil || err.Error() != want {
			t.Errorf("got %v, not %s", err, want)
		}
	}
}

// A validator that fails says nothing about the backend, whatever it does; who wants to know is told.
func TestAValidatorThatFailsSaysNothingAboutTheBackend(t *testing.T) {
	const classes = "`auth`, `configuration`, `integrity`, `internal`, `network`, `not-found`, `permission`, `quota`, " +
		"`secrets`, `server`, `throttled`, `timeout`"
	probed := func(probe backstop.Probe) validator {
		return func(context.Context) (backstop.Probe, error) { return probe, nil }
	}
	failed := func(class backstop.FailureClass, message string) backstop.Outcome {
		return backstop.Failed{Failure: backstop.Failure{Class: class, Message: message}}
	}
	var none *backstop.StorageError
	for want, probe := range map[string]validator{
		"the database is down": func(context.Context) (backstop.Probe, error) {
			return backstop.Probe{Outcome: backstop.OK{}, FinishedAt: 1_500}, errDown
		},
		"panic: 7":               func(context.Context) (backstop.Probe, error) { panic(7) },
		"it ended its goroutine": func(context.Context) (backstop.Probe, error) { runtime.Goexit(); return backstop.Probe{}, nil },
		"context deadline exceeded": func(context.Context) (backstop.Probe, error) {
			return backstop.Probe{}, context.DeadlineExceeded
		},
		"":                           func(context.Context) (backstop.Probe, error) { return backstop.Probe{}, rude{} },
		"<nil>":                      func(context.Context) (backstop.Probe, error) { return backstop.Probe{}, none },
		"`probe.outcome` is missing": probed(backstop.Probe{}),
		"`probe.outcome` is a *backstop.OK: give one of the types that [Outcome] names, as a value": probed(
			backstop.Probe{Outcome: &backstop.OK{}}),
		"`probe.outcome.failed.class` is `tired`: give one of " + classes: probed(backstop.Probe{Outcome: failed("tired", "")}),
		"`probe.outcome.failed.message` is not UTF-8":                     probed(backstop.Probe{Outcome: failed("auth", "\xff")}),
		"`probe.finished-at` is 9007199254740992: give at most 9007199254740991": probed(
			backstop.Probe{Outcome: backstop.OK{}, FinishedAt: backstop.MaxNumber + 1}),
	} {
		engine := start(t, backstop.WithPoolSize(1), backstop.WithMaxUseCases(1), backstop.WithValidatorErrors(nil))
		var listening *backstop.Engine
		listening = start(t, backstop.WithPoolSize(1), backstop.WithMaxUseCases(1), backstop.WithValidatorErrors(
			func(ctx context.Context, err error, organization, backend string) {
				if organization != "acme" || backend != many(2).Backends[0].ID {
					t.Errorf("%s: told of %s in %s", want, backend, organization)
				}
				if want != "" && want != "<nil>" && err.Error() != want {
					t.Errorf("told %v\nnot %s", err, want)
				}
				// Whoever is told may ask the policy, and changes nothing.
				if _, err := listening.Planner().Check(ctx, many(2)); err != nil {
					t.Error(err)
				}
				panic("ignored")
			}))
		for _, engine := range []*backstop.Engine{engine, listening} {
			storage := &memory{planner: engine.Planner(), rosters: map[string]*backstop.Roster{"acme": many(2)}}
			validation, err := engine.Control(storage, probe).Validate(t.Context(), many(2).Backends[0].ID, call(2_000))
			if err != nil || !validation.Applied {
				t.Fatalf("%s: got %+v, %v", want, validation, err)
			}
			wrong := validation.Probe.FinishedAt < 2_000 || validation.Probe.FinishedAt > 2_000+uint64(soon.Milliseconds())
			if outcome := failed(backstop.ClassInternal, "the validator failed"); wrong || validation.Probe.Outcome != outcome {
				t.Errorf("%s: got %+v", want, validation.Probe)
			}
			health := storage.rosters["acme"].Backends[0].Health
			if health.Status != backstop.StatusValid || health.Failure != nil || *health.Excuse != backstop.ClassInternal {
				t.Errorf("%s: the backend is %+v", want, health)
			}
		}
	}
}

func TestABackendThatCannotBeProbedIsNotCreated(t *testing.T) {
	engine := start(t)
	storage := broken{commit: func(context.Context) error { t.Error("something was written"); return nil }}
	refuses := validator(func(context.Context) (backstop.Probe, error) { return backstop.Probe{}, errDown })
	_, err := engine.Control(storage, refuses).Create(
		t.Context(), backstop.NewCreate("c", "c", backstop.KindExternal, "OCI", "r"), call(2_000))
	if err == nil || err.Error() != "refused: validation-failed (internal: the validator failed)" {
		t.Errorf("got %v", err)
	}
}

// down is a roster whose two backends are invalid and may be probed again.
func down() *backstop.Roster {
	roster, at := many(2), uint64(1_000)
	for i := range roster.Backends {
		roster.Backends[i].Health = backstop.Health{
			Status: backstop.StatusInvalid, Since: &at, CheckedAt: &at, Failures: 1,
			Failure: &backstop.Failure{Class: backstop.ClassNetwork, Message: "no route"},
		}
	}
	return roster
}

// What a resolution can still answer, it answers: one probe fails, the commit fails, and the other
// backend works.
func TestAResolutionStandsWhateverFails(t *testing.T) {
	engine := start(t)
	for name, commit := range map[string]func() error{
		"an error":   func() error { return errDown },
		"a panic":    func() error { panic(errDown) },
		"a conflict": func() error { return backstop.ErrConflict },
	} {
		probes := 0
		probe := validator(func(context.Context) (backstop.Probe, error) {
			if probes++; probes == 1 {
				return backstop.Probe{}, errDown
			}
			return backstop.Probe{Outcome: backstop.OK{}, FinishedAt: 60_000}, nil
		})
		loads := 0
		storage := broken{
			load: func(context.Context) (*backstop.Roster, error) {
				if loads++; loads == 1 {
					return down(), nil
				}
				// What it answers when it is asked again is no roster.
				return nil, nil
			},
			commit: func(context.Context) error { return commit() },
		}
		resolution, err := engine.Control(storage, probe).Resolve(t.Context(), backstop.Request{}, call(60_000))
		if err != nil || resolution.Answer.Decision == nil || probes != 2 {
			t.Errorf("%s: got %+v, %v after %d probes", name, resolution, err, probes)
		}
	}
}

// A validator that gives up because nobody waits has not found anything out.
func TestAContextThatEndsInAProbeEndsTheUseCase(t *testing.T) {
	engine := start(t, backstop.WithValidatorErrors(func(_ context.Context, err error, _, _ string) {
		t.Errorf("told of %v", err)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	probe := validator(func(context.Context) (backstop.Probe, error) {
		cancel()
		return backstop.Probe{}, errDown
	})
	storage := broken{commit: func(context.Context) error { t.Error("something was written"); return nil }}
	_, err := engine.Control(storage, probe).Validate(ctx, many(2).Backends[0].ID, call(2_000))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// ---- Contexts ----

func TestAContextThatEndsFreesTheCaller(t *testing.T) {
	engine := start(t, backstop.WithPoolSize(1))
	forever := make(chan struct{})
	defer close(forever)
	hangs := func() { <-forever }
	for name, run := range map[string]func(context.Context) error{
		"load": func(ctx context.Context) error {
			storage := broken{load: func(context.Context) (*backstop.Roster, error) { hangs(); return many(2), nil }}
			_, err := engine.Control(storage, probes{}).Resolve(ctx, backstop.Request{}, call(2_000))
			return err
		},
		"commit": func(ctx context.Context) error {
			storage := broken{commit: func(context.Context) error { hangs(); return nil }}
			_, err := engine.Control(storage, probes{}).Delete(ctx, many(2).Backends[1].ID, call(2_000))
			return err
		},
		"validate": func(ctx context.Context) error {
			probe := validator(func(context.Context) (backstop.Probe, error) { hangs(); return backstop.Probe{}, nil })
			_, err := engine.Control(broken{}, probe).Validate(ctx, many(2).Backends[1].ID, call(2_000))
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if err := run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v", name, err)
		}
		cancel()
	}

	// What has ended already runs nothing.
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := engine.Planner().Check(ended, many(2)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := engine.Planner().Check(t.Context(), many(2)); err != nil {
		t.Error(err)
	}
}

// A storage that says why it gave up, because the context ended, is not asked again.
func TestAContextThatEndsEndsTheRetries(t *testing.T) {
	engine := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	commits := 0
	storage := broken{commit: func(ctx context.Context) error {
		commits++
		cancel()
		return fmt.Errorf("commit: %w", ctx.Err())
	}}
	_, err := engine.Control(storage, probes{}).Delete(ctx, many(2).Backends[1].ID, call(2_000))
	if !errors.Is(err, context.Canceled) || commits != 1 {
		t.Errorf("got %v after %d commits", err, commits)
	}
}

func TestStoragesGetTheContextOfTheCall(t *testing.T) {
	engine := start(t)
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "value")
	var got any
	storage := broken{load: func(ctx context.Context) (*backstop.Roster, error) {
		got = ctx.Value(key{})
		return many(2), nil
	}}
	if _, err := engine.Control(storage, probes{}).Resolve(ctx, backstop.Request{}, call(2_000)); err != nil || got != "value" {
		t.Errorf("got %v, %v", got, err)
	}
}

// ---- Use cases ----

// clocked are probes that end at a time.
type clocked struct {
	probes
	now uint64
}

func (c *clocked) Validate(ctx context.Context, organization, backend string, generation uint64) (backstop.Probe, error) {
	probe, err := c.probes.Validate(ctx, organization, backend, generation)
	probe.FinishedAt = c.now
	return probe, err
}

func TestAnOrganizationLives(t *testing.T) {
	engine := start(t)
	ctx := t.Context()
	storage := &memory{planner: engine.Planner()}
	down := backstop.Failed{Failure: backstop.Failure{Class: backstop.ClassNetwork, Message: "no route"}}
	outcomes := probes{"bad": backstop.Failed{Failure: backstop.Failure{Class: backstop.ClassAuth, Message: "wrong  key\n"}}}
	prober := &clocked{outcomes, 1_000}
	control := engine.Control(storage, prober)

	founded, err := control.CreateOrganization(ctx, "inline", call(1_000))
	if err != nil || founded.Roster.Revision != 1 || *founded.Roster.Default != "inline" {
		t.Fatalf("got %+v, %v", founded, err)
	}
	if _, err := control.CreateOrganization(ctx, "inline", call(1_000)); err == nil || err.Error() != "refused: organization-taken" {
		t.Errorf("got %v", err)
	}
	_, err = control.Create(ctx, backstop.NewCreate("bad", "bad", backstop.KindExternal, "OCI", "r"), call(1_000))
	if err == nil || err.Error() != "refused: validation-failed (auth: wrong key)" {
		t.Errorf("got %v", err)
	}
	create := backstop.NewCreate("a", "primary", backstop.KindExternal, "OCI", "registry.example/a")
	create.Default = true
	if _, err := control.Create(ctx, create, call(2_000)); err != nil {
		t.Fatal(err)
	}
	fallback := backstop.NewCreate("b", "spare", backstop.KindExternal, "OCI", "registry.example/b")
	fallback.Fallback = true
	if _, err := control.Create(ctx, fallback, call(2_000)); err != nil {
		t.Fatal(err)
	}

	outcomes["a"] = down
	prober.now = 3_000
	validation, err := control.Validate(ctx, "a", call(3_000))
	if err != nil || !validation.Applied || !reflect.DeepEqual(validation.Probe.Outcome, down) {
		t.Errorf("got %+v, %v", validation, err)
	}
	resolution, err := control.Resolve(ctx, backstop.Request{}, call(3_000))
	if err != nil || resolution.Answer.Refusal != nil {
		t.Fatalf("got %+v, %v", resolution, err)
	}
	decision := resolution.Answer.Decision
	if decision.Backend.ID != "b" || decision.Position.String() != "fallback-1" || !decision.Degraded {
		t.Errorf("got %+v", decision)
	}
	description := "for builds"
	seen := uint64(1)
	stale := call(4_000)
	stale.Seen = &seen
	if _, err := control.Update(ctx, backstop.Update{Backend: "a", Description: &description}, stale); !errors.Is(err, backstop.ErrConflict) {
		t.Errorf("got %v", err)
	}
	updated, err := control.Update(ctx, backstop.Update{Backend: "a", Description: &description, Rotate: true}, call(4_000))
	if outcome := new(backstop.RefusedError); !errors.As(err, &outcome) || updated != nil {
		t.Errorf("credentials that do not work were taken: %+v, %v", updated, err)
	}
	policy := backstop.DefaultPolicy()
	policy.MaxFallbacks = 3
	if _, err := control.SetPolicy(ctx, policy, call(5_000)); err != nil {
		t.Error(err)
	}
	if _, err := control.Delete(ctx, "b", call(6_000)); err != nil {
		t.Error(err)
	}
	if _, err := control.Delete(ctx, "b", call(6_000)); err == nil || err.Error() != "refused: backend-not-found" {
		t.Errorf("got %v", err)
	}
	var kinds []string
	for _, event := range storage.events {
		kinds = append(kinds, strings.TrimPrefix(fmt.Sprintf("%T", event.Kind), "backstop."))
	}
	for _, want := range []string{
		"OrganizationCreated", "BackendCreated", "DefaultChanged", "FallbacksChanged", "StatusChanged", "RouteChanged",
		"PolicyChanged", "BackendDeleted",
	} {
		if !strings.Contains(strings.Join(kinds, " "), want) {
			t.Errorf("there is no event %s in %v", want, kinds)
		}
	}
}
