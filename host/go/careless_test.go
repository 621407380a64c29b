package backstop_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	backstop "backstop.example/go"
)

// What careless callers, storages and modules do, and what must come of it.

// ---- Engines ----

func TestWhatWasNeverMadeIsClosed(t *testing.T) {
	var engine backstop.Engine
	var planner backstop.Planner
	var control backstop.Control
	_, checked := planner.Check(t.Context(), many(2))
	_, resolved := control.Resolve(t.Context(), backstop.Request{}, call(0))
	_, made := engine.Control(&memory{}, probes{}).Resolve(t.Context(), backstop.Request{}, call(0))
	for what, err := range map[string]error{
		"a planner": checked, "a control": resolved, "a control of an engine": made, "an engine": engine.Close(t.Context()),
	} {
		if !errors.Is(err, backstop.ErrClosed) {
			t.Errorf("%s: got %v", what, err)
		}
	}
}

func TestNoEngineIsMadeForAContextThatHasEnded(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, options := range map[string][]backstop.Option{
		"compiled": nil, "interruptible": {backstop.WithInterruption()}, "translated": {backstop.WithTranslation()},
	} {
		engine, err := backstop.New(ended, options...)
		if !errors.Is(err, context.Canceled) || errors.Is(err, backstop.ErrForeignModule) {
			t.Errorf("%s: got %v", name, err)
		}
		if engine != nil {
			engine.Close(t.Context())
		}
	}
}

func TestAnOptionThatIsNilChangesNothing(t *testing.T) {
	if _, err := start(t, nil).Planner().Check(t.Context(), many(2)); err != nil {
		t.Error(err)
	}
}

func TestAClosedEngineHoldsNothing(t *testing.T) {
	for name, options := range map[string][]backstop.Option{"compiled": nil, "translated": {backstop.WithTranslation()}} {
		engine := start(t, options...)
		if _, err := engine.Control(broken{}, probes{}).Resolve(t.Context(), backstop.Request{}, call(2_000)); err != nil {
			t.Error(err)
		}
		if err := engine.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if left := engine.Stats(); left != (backstop.Stats{}) {
			t.Errorf("%s: it holds %+v", name, left)
		}
	}
}

// Close waits for the calls that are under way, and so for the storage that called it.
func TestAStorageThatClosesItsEngineDoesNotWaitForItself(t *testing.T) {
	engine := start(t)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	var closed error
	storage := broken{load: func(ctx context.Context) (*backstop.Roster, error) {
		closed = engine.Close(ctx)
		return many(2), nil
	}}
	if _, err := engine.Control(storage, probes{}).Resolve(ctx, backstop.Request{}, call(2_000)); err != nil {
		t.Errorf("the call ended with %v", err)
	}
	var invalid *backstop.InvalidError
	if !errors.As(closed, &invalid) || invalid.Path != "ctx" {
		t.Errorf("got %v", closed)
	}
	if _, err := engine.Planner().Check(t.Context(), many(2)); err != nil {
		t.Errorf("the engine is closed: %v", err)
	}
}

// ---- Storages ----

// Two engines whose storages ask each other wait for nobody, though each takes one use case at a time.
func TestStoragesOfTwoEnginesMayAskEachOther(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	one := start(t, backstop.WithPoolSize(1), backstop.WithMaxUseCases(1))
	other := start(t, backstop.WithPoolSize(1), backstop.WithMaxUseCases(1))
	asks := func(control *backstop.Control) broken {
		return broken{load: func(ctx context.Context) (*backstop.Roster, error) {
			_, err := control.Resolve(ctx, backstop.Request{}, call(2_000))
			return many(2), err
		}}
	}
	last := one.Control(broken{}, probes{})
	middle := other.Control(asks(last), probes{})
	if _, err := one.Control(asks(middle), probes{}).Resolve(ctx, backstop.Request{}, call(2_000)); err != nil {
		t.Error(err)
	}
}

// What a storage left behind is no part of a use case any more, and waits its turn.
func TestWhatAStorageLeftBehindIsCounted(t *testing.T) {
	engine := start(t, backstop.WithMaxUseCases(1))
	var kept context.Context
	control := engine.Control(broken{load: func(ctx context.Context) (*backstop.Roster, error) {
		kept = context.WithoutCancel(ctx)
		return many(2), nil
	}}, probes{})
	if _, err := control.Resolve(t.Context(), backstop.Request{}, call(2_000)); err != nil {
		t.Fatal(err)
	}
	waiting, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	slow := engine.Control(broken{load: func(context.Context) (*backstop.Roster, error) {
		close(waiting)
		<-release
		return many(2), nil
	}}, probes{})
	go func() {
		_, err := slow.Resolve(t.Context(), backstop.Request{}, call(2_000))
		ended <- err
	}()
	<-waiting
	late, cancel := context.WithTimeout(kept, 20*time.Millisecond)
	defer cancel()
	if _, err := engine.Control(broken{}, probes{}).Resolve(late, backstop.Request{}, call(2_000)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A database driver says in its own words that it was interrupted.
func TestAContextThatEndsIsTheErrorWhateverTheStorageSays(t *testing.T) {
	engine := start(t)
	interrupted := errors.New("interrupted (9)")
	for name, say := range map[string]func() error{
		"an error": func() error { return interrupted },
		"a panic":  func() error { panic(interrupted) },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		commits := 0
		_, err := engine.Control(broken{commit: func(context.Context) error {
			commits++
			cancel()
			// The caller gives up as well; whoever is first, the error is that of the context.
			return say()
		}}, probes{}).Delete(ctx, many(2).Backends[1].ID, call(2_000))
		if !errors.Is(err, context.Canceled) || commits != 1 {
			t.Errorf("%s: got %v after %d commits", name, err, commits)
		}
		_, err = engine.Control(broken{load: func(context.Context) (*backstop.Roster, error) { return nil, say() }}, probes{}).
			Resolve(t.Context(), backstop.Request{}, call(2_000))
		if !errors.Is(err, interrupted) {
			t.Errorf("%s: got %v", name, err)
		}
		cancel()
	}
}

// A nil pointer of an error type is an error, and asking it for another one panics.
func TestAnErrorThatCannotBeAskedIsAStorageError(t *testing.T) {
	engine := start(t)
	var none *backstop.StorageError
	loads := broken{load: func(context.Context) (*backstop.Roster, error) { return nil, none }}
	_, loaded := engine.Control(loads, probes{}).Resolve(t.Context(), backstop.Request{}, call(2_000))
	commits := broken{commit: func(context.Context) error { return none }}
	_, committed := engine.Control(commits, probes{}).Delete(t.Context(), many(2).Backends[1].ID, call(2_000))
	for op, err := range map[string]error{"load": loaded, "commit": committed} {
		var stored *backstop.StorageError
		if !errors.As(err, &stored) || stored == nil || stored.Op != op {
			t.Errorf("%s: got %v", op, err)
		}
	}
}

func TestTheTextOfAStorageIsOneLineAndHasAnEnd(t *testing.T) {
	engine := start(t)
	for _, said := range []string{"a\n  b", strings.Repeat("é", 100<<20)} {
		storage := broken{load: func(context.Context) (*backstop.Roster, error) { return nil, errors.New(said) }}
		_, err := engine.Control(storage, probes{}).Resolve(t.Context(), backstop.Request{}, call(2_000))
		var stored *backstop.StorageError
		if !errors.As(err, &stored) || stored.Op != "load" {
			t.Fatalf("got %.100v", err)
		}
		if text := err.Error(); strings.Contains(text, "\n") || len(text) > 10_000 {
			t.Errorf("got %d bytes: %.100q", len(text), text)
		}
	}
}

// ---- Rosters ----

func TestARosterOfTenThousandBackends(t *testing.T) {
	for name, options := range map[string][]backstop.Option{"compiled": nil, "translated": {backstop.WithTranslation()}} {
		engine := start(t, options...)
		roster := many(10_000)
		if codes, err := engine.Planner().Check(t.Context(), roster); err != nil || len(codes) > 0 {
			t.Errorf("%s: got %v, %v", name, codes, err)
		}
		plan, err := engine.Planner().Plan(t.Context(), roster, backstop.Delete{Backend: roster.Backends[1].ID}, call(2_000))
		if err != nil || len(plan.Roster.Backends) != 9_999 {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// The values of a roster may be the same variables.
func TestARosterMayPointIntoItself(t *testing.T) {
	engine := start(t)
	roster, at := many(2), uint64(1_000)
	roster.Default, roster.Route = &roster.Backends[0].ID, &roster.Backends[0].ID
	for i := range roster.Backends {
		roster.Backends[i].Health.Since, roster.Backends[i].Health.CheckedAt = &at, &at
	}
	roster.Policy.Tail = []backstop.Kind{backstop.KindManaged, backstop.KindInline}
	applied, err := engine.Planner().Apply(t.Context(), roster, &backstop.ChangeSet{Revision: roster.Revision})
	if err != nil {
		t.Fatal(err)
	}
	before, _ := roster.MarshalJSON()
	after, _ := applied.MarshalJSON()
	if string(before) != string(after) || applied.Default == roster.Default {
		t.Errorf("%s\nbecame %s", before, after)
	}
}

// Whoever allows for more memory than usual may have answers of that size.
func TestAnAnswerMayBeAsLargeAsTheMemory(t *testing.T) {
	engine := start(t, backstop.WithMemoryLimit(1<<30), backstop.WithPoolSize(1))
	roster := many(2)
	roster.Backends[0].Description = strings.Repeat("x", 70<<20)
	applied, err := engine.Planner().Apply(t.Context(), roster, &backstop.ChangeSet{Revision: roster.Revision})
	if err != nil || applied.Backends[0].Description != roster.Backends[0].Description {
		t.Errorf("got %.200v", err)
	}
}

// ---- Modules ----

// A module that begins by itself, when it is made, has nothing to ask and nobody to ask it of.
func TestAModuleMayNotBeginByItself(t *testing.T) {
	asks := module{begin: slices.Concat(constant(dataAt), constant(4), constant(2048), invoke(importLoad)), data: []byte("acme")}
	if _, err := backstop.New(t.Context(), backstop.WithModule(asks.bytes(t))); !errors.Is(err, backstop.ErrForeignModule) {
		t.Errorf("got %v", err)
	}
	named := module{named: "_start", bodies: map[string][]byte{"_start": {opUnreachable}}}
	if _, err := start(t, backstop.WithModule(named.bytes(t))).Planner().Check(t.Context(), many(2)); err != nil {
		t.Errorf("a function that only bears a name was run: %v", err)
	}
}

func TestAModuleThatWantsMoreThanTheLimitIsRefused(t *testing.T) {
	for pages, limit := range map[int]uint64{17: 1 << 20, 1_025: 64 << 20, 65_536: 1 << 32} {
		wasm := module{pages: pages}.bytes(t)
		engine, err := backstop.New(t.Context(), backstop.WithModule(wasm), backstop.WithMemoryLimit(limit))
		if !errors.Is(err, backstop.ErrForeignModule) {
			t.Errorf("%d pages of %d bytes: got %v", pages, limit, err)
		}
		if engine != nil {
			engine.Close(t.Context())
		}
	}
}

// A cache does not carry from one engine to another whether calls can be interrupted.
func TestACacheKeepsEnginesApart(t *testing.T) {
	cache := wazero.NewCompilationCache()
	defer cache.Close(t.Context())
	loop := checks([]byte{opLoop, 0x40, opBranch, 0, opEnd}, constant(dataAt)).bytes(t)
	start(t, backstop.WithModule(loop), backstop.WithCompilationCache(cache))
	engine := start(t, backstop.WithModule(loop), backstop.WithCompilationCache(cache), backstop.WithInterruption())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := askCheck(ctx, engine); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// A module that is not known to have our allocator is asked for each block, and answers the same.
func TestAModuleWithAnotherAllocatorDoesTheSame(t *testing.T) {
	const remark = "\x00\x08\x06remark."
	wasm := append(backstop.Module(), remark...)
	always = []backstop.Option{backstop.WithModule(wasm)}
	defer func() { always = nil }()
	for name, test := range map[string]func(*testing.T){
		"organizations": TestAnOrganizationLives,
		"storages":      TestAStorageThatFailsIsAnErrorOfItsOwn,
		"validators":    TestAValidatorThatFailsSaysNothingAboutTheBackend,
		"aliases":       TestARosterMayPointIntoItself,
		"large answers": TestAnAnswerMayBeAsLargeAsTheMemory,
	} {
		t.Run(name, test)
	}
}
