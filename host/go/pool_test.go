package backstop_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	backstop "backstop.example/go"
)

// soon is how long a test waits for what must happen.
const soon = 30 * time.Second

func TestTenThousandCallsAtOnce(t *testing.T) {
	engine := start(t, backstop.WithPoolSize(4), backstop.WithMaxUseCases(16))
	planner := engine.Planner()
	storage := &memory{planner: planner, rosters: map[string]*backstop.Roster{"acme": many(2)}}
	control := engine.Control(storage, probes{})
	var calls sync.WaitGroup
	var wrong atomic.Int64
	for i := range 10_000 {
		calls.Go(func() {
			// Each call has a roster of its own, so that an answer that goes to another call shows.
			roster := many(2 + i%7)
			roster.Revision = uint64(i)
			answer, err := planner.Select(t.Context(), roster, backstop.Request{}, 2_000)
			if err != nil || answer.Decision == nil || answer.Decision.Revision != uint64(i) {
				wrong.Add(1)
			}
			if i%10 == 0 {
				resolution, err := control.Resolve(t.Context(), backstop.Request{}, call(2_000))
				if err != nil || resolution.Answer.Decision == nil {
					wrong.Add(1)
				}
			}
		})
	}
	calls.Wait()
	if wrong.Load() > 0 {
		t.Errorf("%d calls were answered wrongly", wrong.Load())
	}
	if stats := engine.Stats(); stats.Instances > 8 {
		t.Errorf("there are %d instances for 4 places", stats.Instances)
	}
}

func TestCommitsThatCompeteAllGetThrough(t *testing.T) {
	engine := start(t)
	storage := &memory{planner: engine.Planner()}
	control := engine.Control(storage, probes{})
	if _, err := control.CreateOrganization(t.Context(), "inline", call(1_000)); err != nil {
		t.Fatal(err)
	}
	const writers = 8
	var calls sync.WaitGroup
	for i := range writers {
		calls.Go(func() {
			name := fmt.Sprintf("backend-%d", i)
			for {
				_, err := control.Create(t.Context(), backstop.NewCreate(name, name, backstop.KindExternal, "OCI", "r"), call(2_000))
				if err == nil {
					return
				}
				if !errors.Is(err, backstop.ErrConflict) {
					t.Error(err)
					return
				}
			}
		})
	}
	calls.Wait()
	roster := storage.rosters["acme"]
	if len(roster.Backends) != writers+1 || roster.Revision != writers+1 {
		t.Errorf("%d backends at revision %d", len(roster.Backends), roster.Revision)
	}
}

func TestAMillionSelectsNeedNoMoreMemory(t *testing.T) {
	engine := start(t, backstop.WithPoolSize(1))
	planner, roster := engine.Planner(), many(2)
	selects := func(times int) {
		for range times {
			if _, err := planner.Select(t.Context(), roster, backstop.Request{}, 2_000); err != nil {
				t.Fatal(err)
			}
		}
	}
	selects(10)
	before := engine.Stats()
	selects(1_000_000)
	if after := engine.Stats(); after != before {
		t.Errorf("%+v became %+v", before, after)
	}
}

func TestACallThatWantsTooMuchFailsAlone(t *testing.T) {
	engine := start(t, backstop.WithMemoryLimit(1<<20), backstop.WithPoolSize(1))
	planner := engine.Planner()
	large := many(2)
	large.Backends[0].Description = strings.Repeat("x", 2<<20)
	for range 3 {
		_, err := planner.Check(t.Context(), large)
		var trapped *backstop.TrapError
		if !errors.As(err, &trapped) || trapped.Call != "planner.check" {
			t.Errorf("got %v", err)
		}
		if stats := engine.Stats(); stats.Instances != 0 {
			t.Errorf("the instance is kept: %+v", stats)
		}
		if codes, err := planner.Check(t.Context(), many(2)); err != nil || len(codes) > 0 {
			t.Errorf("got %v, %v", codes, err)
		}
	}
}

func TestAnInstanceThatGrewIsThrownAway(t *testing.T) {
	engine := start(t, backstop.WithPoolSize(1), backstop.WithRecycling(1<<20))
	planner := engine.Planner()
	large := many(2)
	large.Backends[0].Description = strings.Repeat("x", 2<<20)
	if codes, err := planner.Check(t.Context(), large); err != nil || len(codes) != 1 {
		t.Errorf("got %v, %v", codes, err)
	}
	if stats := engine.Stats(); stats != (backstop.Stats{}) {
		t.Errorf("the instance is kept: %+v", stats)
	}
	if _, err := planner.Check(t.Context(), many(2)); err != nil {
		t.Error(err)
	}
	if stats := engine.Stats(); stats.Instances != 1 || stats.Memory == 0 || stats.Memory > 1<<20 {
		t.Errorf("got %+v", stats)
	}
}

// A storage that asks the policy, even for a use case, waits for nobody that waits for it.
func TestAStorageMayAskThePolicy(t *testing.T) {
	engine := start(t, backstop.WithPoolSize(1), backstop.WithMaxUseCases(1))
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	inner := engine.Control(&memory{rosters: map[string]*backstop.Roster{"acme": many(3)}}, probes{})
	outer := engine.Control(broken{load: func(ctx context.Context) (*backstop.Roster, error) {
		if _, err := engine.Planner().Check(ctx, many(2)); err != nil {
			return nil, err
		}
		for range 3 {
			if _, err := inner.Resolve(ctx, backstop.Request{}, call(2_000)); err != nil {
				return nil, err
			}
		}
		return many(2), nil
	}}, probes{})
	for range 3 {
		if _, err := outer.Resolve(ctx, backstop.Request{}, call(2_000)); err != nil {
			t.Fatal(err)
		}
	}
	if stats := engine.Stats(); stats.Instances > 2 {
		t.Errorf("there are %d instances", stats.Instances)
	}
}

// A use case that waits for its storage lends its place.
func TestAStorageThatWaitsKeepsNobodyWaiting(t *testing.T) {
	engine := start(t, backstop.WithPoolSize(1))
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	waiting, release := make(chan struct{}), make(chan struct{})
	control := engine.Control(broken{load: func(context.Context) (*backstop.Roster, error) {
		waiting <- struct{}{}
		<-release
		return many(2), nil
	}}, probes{})
	const waiters = 5
	ended := make(chan error, waiters)
	for range waiters {
		go func() {
			_, err := control.Resolve(ctx, backstop.Request{}, call(2_000))
			ended <- err
		}()
	}
	for range waiters {
		<-waiting
	}
	if _, err := engine.Planner().Check(ctx, many(2)); err != nil {
		t.Error(err)
	}
	close(release)
	for range waiters {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestMoreUseCasesThanThereMayBeWait(t *testing.T) {
	engine := start(t, backstop.WithMaxUseCases(1))
	waiting, release := make(chan struct{}), make(chan struct{})
	control := engine.Control(broken{load: func(context.Context) (*backstop.Roster, error) {
		close(waiting)
		<-release
		return many(2), nil
	}}, probes{})
	ended := make(chan error, 1)
	go func() {
		_, err := control.Resolve(t.Context(), backstop.Request{}, call(2_000))
		ended <- err
	}()
	<-waiting
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := control.Resolve(ctx, backstop.Request{}, call(2_000)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	close(release)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// ---- The end ----

func TestCloseLetsWhatHasBegunEnd(t *testing.T) {
	engine := start(t, backstop.WithPoolSize(1))
	waiting, release := make(chan struct{}), make(chan struct{})
	// This storage asks the policy itself, when it commits.
	storage := &memory{planner: engine.Planner(), rosters: map[string]*backstop.Roster{"acme": many(2)}}
	storage.before = func(_ context.Context, op string) error {
		if op == "load" {
			close(waiting)
			<-release
		}
		return nil
	}
	ended := make(chan error, 1)
	go func() {
		_, err := engine.Control(storage, probes{}).Delete(t.Context(), many(2).Backends[1].ID, call(2_000))
		ended <- err
	}()
	<-waiting

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := engine.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if _, err := engine.Planner().Check(t.Context(), many(2)); !errors.Is(err, backstop.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := engine.Control(storage, probes{}).Resolve(t.Context(), backstop.Request{}, call(2_000)); !errors.Is(err, backstop.ErrClosed) {
		t.Errorf("got %v", err)
	}
	close(release)
	if err := <-ended; err != nil {
		t.Errorf("what had begun ended with %v", err)
	}
	for range 2 {
		if err := engine.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestCloseUnderLoadHarmsNobody(t *testing.T) {
	for range 20 {
		engine := start(t)
		planner := engine.Planner()
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() {
				for {
					answer, err := planner.Select(t.Context(), many(2), backstop.Request{}, 2_000)
					if errors.Is(err, backstop.ErrClosed) {
						return
					}
					if err != nil || answer.Decision == nil {
						t.Errorf("got %+v, %v", answer, err)
						return
					}
				}
			})
		}
		time.Sleep(time.Millisecond)
		if err := engine.Close(t.Context()); err != nil {
			t.Error(err)
		}
		calls.Wait()
	}
}

// A call of the translation that wants too much is a trap as well; its limit is 64 MiB.
func TestACallOfTheTranslationThatWantsTooMuchFailsAlone(t *testing.T) {
	engine := start(t, backstop.WithTranslation(), backstop.WithPoolSize(1))
	large := many(2)
	large.Backends[0].Description = strings.Repeat("x", 70<<20)
	for range 3 {
		_, err := engine.Planner().Check(t.Context(), large)
		var trapped *backstop.TrapError
		if !errors.As(err, &trapped) {
			t.Errorf("got %v", err)
		}
		if stats := engine.Stats(); stats.Instances != 0 {
			t.Errorf("the instance is kept: %+v", stats)
		}
		if _, err := engine.Planner().Check(t.Context(), many(2)); err != nil {
			t.Error(err)
		}
	}
}

func TestTheTranslationGoesWithNoOtherEngine(t *testing.T) {
	cache := wazero.NewCompilationCache()
	defer cache.Close(t.Context())
	for name, option := range map[string]backstop.Option{
		"a module":       backstop.WithModule(module{}.bytes(t)),
		"a limit":        backstop.WithMemoryLimit(1 << 20),
		"an interpreter": backstop.WithInterpreter(),
		"interruption":   backstop.WithInterruption(),
		"a cache":        backstop.WithCompilationCache(cache),
	} {
		_, err := backstop.New(t.Context(), backstop.WithTranslation(), option)
		const want = "`WithTranslation` is given with an option that it does not go with"
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// What does not depend on wazero is tested over both engines.
func TestTheTranslationDoesTheSame(t *testing.T) {
	always = []backstop.Option{backstop.WithTranslation()}
	defer func() { always = nil }()
	for name, test := range map[string]func(*testing.T){
		"parameters":    TestParametersThatAreNoneAreRefusedBeforeAnythingRuns,
		"storages":      TestAStorageThatFailsIsAnErrorOfItsOwn,
		"answers":       TestAnswersOfAStorageAreRefusals,
		"validators":    TestAValidatorThatFailsSaysNothingAboutTheBackend,
		"creation":      TestABackendThatCannotBeProbedIsNotCreated,
		"resolution":    TestAResolutionStandsWhateverFails,
		"probes":        TestAContextThatEndsInAProbeEndsTheUseCase,
		"endings":       TestAContextThatEndsIsTheErrorWhateverTheStorageSays,
		"errors":        TestAnErrorThatCannotBeAskedIsAStorageError,
		"texts":         TestTheTextOfAStorageIsOneLineAndHasAnEnd,
		"two engines":   TestStoragesOfTwoEnginesMayAskEachOther,
		"left behind":   TestWhatAStorageLeftBehindIsCounted,
		"aliases":       TestARosterMayPointIntoItself,
		"contexts":      TestAContextThatEndsFreesTheCaller,
		"retries":       TestAContextThatEndsEndsTheRetries,
		"values":        TestStoragesGetTheContextOfTheCall,
		"organizations": TestAnOrganizationLives,
		"many calls":    TestTenThousandCallsAtOnce,
		"competition":   TestCommitsThatCompeteAllGetThrough,
		"a million":     TestAMillionSelectsNeedNoMoreMemory,
		"asking back":   TestAStorageMayAskThePolicy,
		"waiting":       TestAStorageThatWaitsKeepsNobodyWaiting,
		"admission":     TestMoreUseCasesThanThereMayBeWait,
		"recycling":     TestAnInstanceThatGrewIsThrownAway,
		"closing":       TestCloseLetsWhatHasBegunEnd,
		"closing hard":  TestCloseUnderLoadHarmsNobody,
		"sharing":       TestResolutionsShareTheirProbes,
		"who shares":    TestWhoAsksForTheSameSharesAProbeAndNobodyElse,
		"taking over":   TestAProbeIsTakenOverWhenItsCallerLeaves,
		"deadlines":     TestDeadlinesThatPassOneByOneDoNotHammer,
		"forgetting":    TestAProbeThatEverybodyLeftIsForgotten,
		"together":      TestThoseWhoLeaveTogetherLeaveNobodyBehind,
		"lateness":      TestWhatIsSaidAfterTheDeadlineIsAboutTheDeadline,
		"leaving":       TestWhoWaitsForAProbeMayLeave,
		"telling once":  TestAFailureOfTheValidatorIsSharedAndToldOnce,
		"nesting":       TestAValidatorMayHaveItsBackendValidated,
		"commits":       TestAStorageMayShareAProbe,
		"limits":        TestAResolutionHasALimitForItsProbes,
		"whose limit":   TestALimitIsThatOfOneResolution,
		"crowds":        TestCrowdsComeAndGo,
	} {
		t.Run(name, test)
	}
}

// A context that ends while a storage is asked closes an interruptible module under the call.
func TestInterruptionDoesTheSame(t *testing.T) {
	always = []backstop.Option{backstop.WithInterruption()}
	defer func() { always = nil }()
	for name, test := range map[string]func(*testing.T){
		"storages":    TestAStorageThatFailsIsAnErrorOfItsOwn,
		"contexts":    TestAContextThatEndsFreesTheCaller,
		"retries":     TestAContextThatEndsEndsTheRetries,
		"validators":  TestAValidatorThatFailsSaysNothingAboutTheBackend,
		"probes":      TestAContextThatEndsInAProbeEndsTheUseCase,
		"endings":     TestAContextThatEndsIsTheErrorWhateverTheStorageSays,
		"many calls":  TestTenThousandCallsAtOnce,
		"closing":     TestCloseLetsWhatHasBegunEnd,
		"taking over": TestAProbeIsTakenOverWhenItsCallerLeaves,
		"limits":      TestAResolutionHasALimitForItsProbes,
		"crowds":      TestCrowdsComeAndGo,
	} {
		t.Run(name, test)
	}
}

func TestEnginesShareACache(t *testing.T) {
	cache := wazero.NewCompilationCache()
	defer cache.Close(t.Context())
	for range 2 {
		engine := start(t, backstop.WithCompilationCache(cache))
		if _, err := engine.Planner().Check(t.Context(), many(2)); err != nil {
			t.Error(err)
		}
	}
}
