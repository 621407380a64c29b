package backstop_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	backstop "backstop.example/go"
)

// Time in these tests is that of synctest: it passes when everybody waits, and what waits for ever is a
// failure.

// A crew is a validator that keeps a list of its probes.
type crew struct {
	// probe is how the probe of that number ends, counted from 1.
	probe func(ctx context.Context, number int, backend string) (backstop.Probe, error)

	mutex sync.Mutex
	// number counts the probes; begun are the backends of those that nobody asked for yet.
	number int
	begun  []string
}

func (c *crew) Validate(ctx context.Context, _, backend string, _ uint64) (backstop.Probe, error) {
	c.mutex.Lock()
	c.begun = append(c.begun, backend)
	c.number++
	number := c.number
	c.mutex.Unlock()
	return c.probe(ctx, number, backend)
}

// probed returns the backends that were probed since it was asked last.
func (c *crew) probed() []string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	begun := c.begun
	c.begun = nil
	return begun
}

func passed() backstop.Probe { return backstop.Probe{Outcome: backstop.OK{}, FinishedAt: 60_500} }

func failed(class backstop.FailureClass) backstop.Probe {
	return backstop.Probe{
		Outcome:    backstop.Failed{Failure: backstop.Failure{Class: class, Message: "as seen"}},
		FinishedAt: 60_500,
	}
}

// stored is a storage that has a roster for `acme` and for `emca`.
func stored(engine *backstop.Engine, roster *backstop.Roster) *memory {
	return &memory{
		planner: engine.Planner(), rosters: map[string]*backstop.Roster{"acme": roster, "emca": roster},
	}
}

func askResolve(ctx context.Context, control *backstop.Control) error {
	_, err := control.Resolve(ctx, backstop.Request{}, call(60_000))
	return err
}

func askValidate(ctx context.Context, control *backstop.Control, backend string) (backstop.Outcome, error) {
	validation, err := control.Validate(ctx, backend, call(60_000))
	if err != nil {
		return nil, err
	}
	return validation.Probe.Outcome, nil
}

// ---- Who shares a probe ----

// When everything is down, every resolution asks for a probe of each candidate, and each is probed once.
func TestResolutionsShareTheirProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := start(t, backstop.WithPoolSize(1))
		storage, goOn := stored(engine, down()), make(chan struct{})
		validator := &crew{probe: func(context.Context, int, string) (backstop.Probe, error) {
			<-goOn
			return failed(backstop.ClassNetwork), nil
		}}
		control := engine.Control(storage, validator)
		const callers = 50
		var calls sync.WaitGroup
		for range callers {
			calls.Go(func() {
				resolution, err := control.Resolve(t.Context(), backstop.Request{}, call(60_000))
				if err != nil || resolution.Answer.Refusal == nil {
					t.Errorf("got %+v, %v", resolution, err)
				}
			})
		}
		for _, backend := range down().Backends {
			synctest.Wait()
			if got := validator.probed(); !slices.Equal(got, []string{backend.ID}) {
				t.Errorf("probed %v, not %s", got, backend.ID)
			}
			// Those who wait keep nobody from computing.
			if _, err := engine.Planner().Check(t.Context(), many(2)); err != nil {
				t.Error(err)
			}
			goOn <- struct{}{}
		}
		calls.Wait()
		// What was seen is committed once, and is not kept: who asks later has a probe of their own.
		if after := storage.rosters["acme"]; after.Revision != down().Revision+2 {
			t.Errorf("the roster is at revision %d", after.Revision)
		}
		close(goOn)
		for range 2 {
			if _, err := askValidate(t.Context(), control, down().Backends[0].ID); err != nil {
				t.Error(err)
			}
			if got := validator.probed(); len(got) != 1 {
				t.Errorf("probed %v", got)
			}
		}
	})
}

// rotated is a roster whose credentials have that number.
func rotated(generation uint64) *backstop.Roster {
	roster := down()
	for i := range roster.Backends {
		roster.Backends[i].Generation = generation
	}
	return roster
}

func TestWhoAsksForTheSameSharesAProbeAndNobodyElse(t *testing.T) {
	first, second := down().Backends[0].ID, down().Backends[1].ID
	type useCase func(context.Context, *backstop.Control) error
	resolve := useCase(askResolve)
	validate := func(backend, organization string) useCase {
		return func(ctx context.Context, control *backstop.Control) error {
			about := call(60_000)
			about.Organization = organization
			_, err := control.Validate(ctx, backend, about)
			return err
		}
	}
	create := func(ctx context.Context, control *backstop.Control) error {
		_, err := control.Create(ctx, backstop.NewCreate("c", "c", backstop.KindExternal, "OCI", "r"), call(60_000))
		return err
	}
	rotate := func(ctx context.Context, control *backstop.Control) error {
		_, err := control.Update(ctx, backstop.Update{Backend: first, Rotate: true}, call(60_000))
		return err
	}
	for _, c := range []struct {
		name       string
		one, other useCase
		// before is the number of the credentials when the first is under way, after that for the second.
		before, after uint64
		// apart says that the second is of another Control.
		apart bool
		want  int
	}{
		{name: "resolutions", one: resolve, other: resolve, want: 1},
		{name: "validations", one: validate(first, "acme"), other: validate(first, "acme"), want: 1},
		{name: "a resolution and a validation", one: resolve, other: validate(first, "acme"), want: 1},
		{name: "a validation and a resolution", one: validate(first, "acme"), other: resolve, want: 1},
		{name: "backends", one: resolve, other: validate(second, "acme"), want: 2},
		{name: "organizations", one: resolve, other: validate(first, "emca"), want: 2},
		{name: "generations", one: resolve, other: resolve, after: 2, want: 2},
		{name: "controls", one: resolve, other: resolve, apart: true, want: 2},
		{name: "creations", one: create, other: create, want: 2},
		{name: "rotations", one: rotate, other: rotate, want: 2},
		{name: "a rotation and what is stored", one: rotate, other: validate(first, "acme"), after: 2, want: 2},
		{name: "what is stored and a rotation", one: validate(first, "acme"), before: 2, other: rotate, after: 1, want: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := start(t, backstop.WithPoolSize(1))
				goOn := make(chan struct{})
				validator := &crew{probe: func(context.Context, int, string) (backstop.Probe, error) {
					<-goOn
					return passed(), nil
				}}
				storage := stored(engine, rotated(max(c.before, 1)))
				control := engine.Control(storage, validator)
				var calls sync.WaitGroup
				begin := func(useCase useCase) {
					calls.Go(func() {
						err := useCase(t.Context(), control)
						// Of two that make or change the same, one is refused in the end.
						if refused := new(backstop.RefusedError); err != nil && !errors.As(err, &refused) {
							t.Error(err)
						}
					})
					synctest.Wait()
				}
				begin(c.one)
				storage.rosters["acme"] = rotated(max(c.after, 1))
				if c.apart {
					control = engine.Control(storage, validator)
				}
				begin(c.other)
				if got := validator.probed(); len(got) != c.want {
					t.Errorf("%d probes are under way, not %d", len(got), c.want)
				}
				close(goOn)
				calls.Wait()
			})
		})
	}
}

// ---- Who leaves ----

// A probe that is cut off because whoever began it is gone says nothing: one of the others probes anew.
func TestAProbeIsTakenOverWhenItsCallerLeaves(t *testing.T) {
	backend := down().Backends[0].ID
	for name, cutOff := range map[string]func(ctx context.Context, forever chan struct{}) (backstop.Probe, error){
		"it does not stop": func(_ context.Context, forever chan struct{}) (backstop.Probe, error) {
			<-forever
			return failed(backstop.ClassAuth), nil
		},
		"it says so": func(ctx context.Context, _ chan struct{}) (backstop.Probe, error) {
			<-ctx.Done()
			return backstop.Probe{}, ctx.Err()
		},
		"it blames the backend": func(ctx context.Context, _ chan struct{}) (backstop.Probe, error) {
			<-ctx.Done()
			return failed(backstop.ClassTimeout), nil
		},
		"it panics": func(ctx context.Context, _ chan struct{}) (backstop.Probe, error) {
			<-ctx.Done()
			panic(ctx.Err())
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := start(t, backstop.WithPoolSize(1), backstop.WithValidatorErrors(
					func(_ context.Context, err error, _, _ string) { t.Errorf("told of %v", err) }))
				forever, goOn := make(chan struct{}), make(chan struct{})
				validator := &crew{probe: func(ctx context.Context, number int, _ string) (backstop.Probe, error) {
					if number <= 2 {
						return cutOff(ctx, forever)
					}
					<-goOn
					return failed(backstop.ClassQuota), nil
				}}
				storage := stored(engine, down())
				control := engine.Control(storage, validator)
				type answer struct {
					outcome backstop.Outcome
					err     error
				}
				answers := make(chan answer, 8)
				begin := func(ctx context.Context) {
					go func() {
						outcome, err := askValidate(ctx, control, backend)
						answers <- answer{outcome, err}
					}()
					synctest.Wait()
				}
				first, leave := context.WithCancel(t.Context())
				begin(first)
				gone, goAway := context.WithCancel(t.Context())
				begin(gone)
				goAway()
				if left := <-answers; !errors.Is(left.err, context.Canceled) {
					t.Errorf("got %+v", left)
				}
				// The second has the most time of those who wait, and takes over; but it leaves as well.
				second, leaveToo := context.WithCancel(t.Context())
				begin(second)
				for i := range 5 {
					late, cancel := context.WithTimeout(t.Context(), time.Duration(5-i)*time.Hour)
					defer cancel()
					begin(late)
				}
				for gone, leave := range []func(){leave, leaveToo} {
					if got := validator.probed(); len(got) != 1 {
						t.Errorf("%d callers have left, and %d probes were begun", gone, len(got))
					}
					leave()
					synctest.Wait()
					if left := <-answers; !errors.Is(left.err, context.Canceled) {
						t.Errorf("got %+v", left)
					}
				}
				if revision := storage.rosters["acme"].Revision; revision != down().Revision {
					t.Errorf("something was written: revision %d", revision)
				}
				close(goOn)
				for range 5 {
					if got := <-answers; got.err != nil || got.outcome != failed(backstop.ClassQuota).Outcome {
						t.Errorf("got %+v", got)
					}
				}
				if got := validator.probed(); len(got) != 1 {
					t.Errorf("%d probes were begun at last", len(got))
				}
				close(forever)
			})
		})
	}
}

// Nobody waits for what everybody has left.
func TestAProbeThatEverybodyLeftIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := start(t)
		validator := &crew{probe: func(ctx context.Context, number int, _ string) (backstop.Probe, error) {
			if number == 1 {
				<-ctx.Done()
			}
			return passed(), ctx.Err()
		}}
		control, backend := engine.Control(stored(engine, down()), validator), down().Backends[0].ID
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := askValidate(ctx, control, backend); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if got, err := askValidate(t.Context(), control, backend); err != nil || got != (backstop.OK{}) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// Whose turn it is may leave at that moment.
func TestThoseWhoLeaveTogetherLeaveNobodyBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := start(t, backstop.WithPoolSize(1))
		control, backend := (*backstop.Control)(nil), down().Backends[0].ID
		for range 100 {
			together, leave := context.WithCancel(t.Context())
			validator := &crew{probe: func(ctx context.Context, _ int, _ string) (backstop.Probe, error) {
				if together.Err() == nil {
					<-ctx.Done()
				}
				return passed(), ctx.Err()
			}}
			control = engine.Control(stored(engine, down()), validator)
			var calls sync.WaitGroup
			begin := func(ctx context.Context, want error) {
				calls.Go(func() {
					if _, err := askValidate(ctx, control, backend); !errors.Is(err, want) {
						t.Errorf("got %v, not %v", err, want)
					}
				})
				synctest.Wait()
			}
			begin(together, context.Canceled)
			begin(together, context.Canceled)
			late, cancel := context.WithTimeout(t.Context(), time.Hour)
			begin(late, nil)
			leave()
			calls.Wait()
			cancel()
		}
	})
}

// A late context has a deadline, and never gets to know that it has passed.
type late struct {
	context.Context
	deadline time.Time
}

func (l late) Deadline() (time.Time, bool) { return l.deadline, true }

// A validator that keeps to a deadline may notice before the context does. What it says then is about
// the deadline, unless the backend has passed.
func TestWhatIsSaidAfterTheDeadlineIsAboutTheDeadline(t *testing.T) {
	for _, c := range []struct {
		probe backstop.Probe
		err   error
	}{
		{failed(backstop.ClassTimeout), context.DeadlineExceeded},
		{backstop.Probe{}, context.DeadlineExceeded},
		{passed(), nil},
	} {
		synctest.Test(t, func(t *testing.T) {
			engine := start(t, backstop.WithValidatorErrors(func(_ context.Context, err error, _, _ string) {
				t.Errorf("told of %v", err)
			}))
			validator := &crew{probe: func(context.Context, int, string) (backstop.Probe, error) {
				time.Sleep(time.Second)
				return c.probe, nil
			}}
			storage := stored(engine, down())
			ctx := late{t.Context(), time.Now().Add(time.Second)}
			_, err := askValidate(ctx, engine.Control(storage, validator), down().Backends[0].ID)
			if !errors.Is(err, c.err) {
				t.Errorf("%+v: got %v", c.probe, err)
			}
			if wrote := storage.rosters["acme"].Revision != down().Revision; wrote != (c.err == nil) {
				t.Errorf("%+v: that something was written is %v", c.probe, wrote)
			}
		})
	}
}

// Who has the most time takes over. Were it anybody, many whose deadlines are close to each other would
// each begin a probe for the moment that is left.
func TestDeadlinesThatPassOneByOneDoNotHammer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := start(t, backstop.WithProbeLimit(24*time.Hour))
		forever := make(chan struct{})
		validator := &crew{probe: func(context.Context, int, string) (backstop.Probe, error) {
			<-forever
			return passed(), nil
		}}
		control := engine.Control(stored(engine, down()), validator)
		var calls sync.WaitGroup
		for i := range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour+time.Duration(i)*time.Microsecond)
			defer cancel()
			calls.Go(func() {
				if err := askResolve(ctx, control); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
			synctest.Wait()
		}
		calls.Wait()
		if got := validator.probed(); len(got) != 2 {
			t.Errorf("%d probes were begun", len(got))
		}
		close(forever)
	})
}

func TestWhoWaitsForAProbeMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := start(t, backstop.WithPoolSize(1), backstop.WithMaxUseCases(3))
		goOn := make(chan struct{})
		validator := &crew{probe: func(context.Context, int, string) (backstop.Probe, error) {
			<-goOn
			return passed(), nil
		}}
		control, backend := engine.Control(stored(engine, down()), validator), down().Backends[0].ID
		stayed, left := make(chan error, 2), make(chan error, 1)
		stays := func() {
			_, err := askValidate(t.Context(), control, backend)
			stayed <- err
		}
		go stays()
		synctest.Wait()
		ctx, leave := context.WithCancel(t.Context())
		go func() {
			_, err := askValidate(ctx, control, backend)
			left <- err
		}()
		go stays()
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		close(goOn)
		for range 2 {
			if err := <-stayed; err != nil {
				t.Error(err)
			}
		}
		if got := validator.probed(); len(got) != 1 {
			t.Errorf("probed %v", got)
		}
	})
}

// A validator that fails, fails for all who wait, and whoever wants to know is told once.
func TestAFailureOfTheValidatorIsSharedAndToldOnce(t *testing.T) {
	for name, fail := range map[string]func() (backstop.Probe, error){
		"an error":        func() (backstop.Probe, error) { return passed(), errDown },
		"a panic":         func() (backstop.Probe, error) { panic(7) },
		"no probe":        func() (backstop.Probe, error) { return backstop.Probe{}, nil },
		"a goroutine end": func() (backstop.Probe, error) { runtime.Goexit(); return backstop.Probe{}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				backend := down().Backends[0].ID
				goOn, told := make(chan struct{}), 0
				var control *backstop.Control
				engine := start(t, backstop.WithPoolSize(1), backstop.WithMaxUseCases(8), backstop.WithValidatorErrors(
					func(ctx context.Context, _ error, _, about string) {
						if told++; told > 1 || about != backend {
							t.Errorf("told %d times, of %s", told, about)
							return
						}
						// The probe is over: whoever is told may have another.
						if _, err := askValidate(ctx, control, backend); err != nil {
							t.Error(err)
						}
					}))
				validator := &crew{probe: func(_ context.Context, number int, _ string) (backstop.Probe, error) {
					if number > 1 {
						return passed(), nil
					}
					<-goOn
					return fail()
				}}
				control = engine.Control(stored(engine, down()), validator)
				var calls sync.WaitGroup
				for range 8 {
					calls.Go(func() {
						want := backstop.Failed{Failure: backstop.Failure{Class: backstop.ClassInternal, Message: "the validator failed"}}
						if got, err := askValidate(t.Context(), control, backend); err != nil || got != want {
							t.Errorf("got %+v, %v", got, err)
						}
					})
				}
				synctest.Wait()
				close(goOn)
				calls.Wait()
				if got := validator.probed(); told != 1 || len(got) != 2 {
					t.Errorf("told %d times after the probes %v", told, got)
				}
			})
		})
	}
}

// ---- Validators that ask back ----

// A use case that a validator begins does not wait for who waits for that validator, not even by way of
// other use cases.
func TestAValidatorMayHaveItsBackendValidated(t *testing.T) {
	first, second := down().Backends[0].ID, down().Backends[1].ID
	for _, c := range []struct {
		name string
		// asks is what the validator of a backend has validated: `new` has that backend created.
		asks map[string]string
		// deep is how many use cases within each other ask.
		deep, probes int
	}{
		{"itself", map[string]string{first: first, second: second}, 1, 4},
		{"each other", map[string]string{first: second, second: first}, 1, 4},
		{"by way of what is not shared", map[string]string{first: "new", second: "new", "new": first}, 2, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				type depth struct{}
				engine := start(t, backstop.WithPoolSize(1), backstop.WithMaxUseCases(4))
				goOn := make(chan struct{})
				var control *backstop.Control
				validator := &crew{probe: func(ctx context.Context, _ int, backend string) (backstop.Probe, error) {
					within, _ := ctx.Value(depth{}).(int)
					if within == c.deep {
						return passed(), nil
					}
					<-goOn
					ctx = context.WithValue(ctx, depth{}, within+1)
					if asked := c.asks[backend]; asked != "new" {
						_, err := askValidate(ctx, control, asked)
						return passed(), err
					}
					_, err := control.Create(ctx, backstop.NewCreate("new", "new", backstop.KindExternal, "OCI", "r"), call(60_000))
					// The other is creating it as well.
					if refused := new(backstop.RefusedError); errors.As(err, &refused) {
						err = nil
					}
					return passed(), err
				}}
				control = engine.Control(stored(engine, down()), validator)
				var calls sync.WaitGroup
				for i := range 4 {
					calls.Go(func() {
						got, err := askValidate(t.Context(), control, []string{first, second}[i%2])
						if err != nil || got != (backstop.OK{}) {
							t.Errorf("got %+v, %v", got, err)
						}
					})
				}
				synctest.Wait()
				close(goOn)
				calls.Wait()
				if got := validator.probed(); len(got) != c.probes {
					t.Errorf("probed %v", got)
				}
			})
		})
	}
}

// Nobody waits for a use case any more that has its probe, so that what its storage begins may wait.
func TestAStorageMayShareAProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := down().Backends[0].ID, down().Backends[1].ID
		engine := start(t, backstop.WithPoolSize(1), backstop.WithMaxUseCases(2))
		goOn := make(chan struct{})
		validator := &crew{probe: func(_ context.Context, _ int, backend string) (backstop.Probe, error) {
			if backend == second {
				<-goOn
			}
			return passed(), nil
		}}
		storage := stored(engine, down())
		control := engine.Control(storage, validator)
		var asked atomic.Bool
		storage.before = func(ctx context.Context, op string) (err error) {
			if op == "commit" && !asked.Swap(true) {
				_, err = askValidate(ctx, control, second)
			}
			return err
		}
		var calls sync.WaitGroup
		for _, backend := range []string{second, first} {
			calls.Go(func() {
				if got, err := askValidate(t.Context(), control, backend); err != nil || got != (backstop.OK{}) {
					t.Errorf("got %+v, %v", got, err)
				}
			})
			synctest.Wait()
		}
		if got := validator.probed(); !slices.Equal(got, []string{second, first}) {
			t.Errorf("probed %v", got)
		}
		close(goOn)
		calls.Wait()
	})
}

// ---- How long a resolution may probe ----

func TestAResolutionHasALimitForItsProbes(t *testing.T) {
	const limit = 35 * time.Second
	first, second := down().Backends[0].ID, down().Backends[1].ID
	answersAfter := func(after time.Duration, probe backstop.Probe) func(context.Context) (backstop.Probe, error) {
		return func(context.Context) (backstop.Probe, error) { time.Sleep(after); return probe, nil }
	}
	whenItEnds := func(probe backstop.Probe, err error) func(context.Context) (backstop.Probe, error) {
		return func(ctx context.Context) (backstop.Probe, error) { <-ctx.Done(); return probe, err }
	}
	// As the roster has it.
	const unseen = backstop.ClassNetwork
	for _, c := range []struct {
		name    string
		options []backstop.Option
		probe   func(context.Context) (backstop.Probe, error)
		// took is how long the resolution takes, probed what is probed in that time.
		took   time.Duration
		probed []string
		// failures are why the backends are invalid afterwards; excused are those whose last probe says
		// nothing.
		failures []backstop.FailureClass
		excused  []bool
	}{
		{
			name: "one that does not stop", probe: answersAfter(10*limit, passed()),
			took: limit, probed: []string{first},
			failures: []backstop.FailureClass{unseen, unseen}, excused: []bool{true, true},
		},
		{
			name: "one that says why", probe: whenItEnds(backstop.Probe{}, context.DeadlineExceeded),
			took: limit, probed: []string{first},
			failures: []backstop.FailureClass{unseen, unseen}, excused: []bool{true, true},
		},
		{
			name: "one that blames the backend", probe: whenItEnds(failed(backstop.ClassTimeout), nil),
			took: limit, probed: []string{first},
			failures: []backstop.FailureClass{unseen, unseen}, excused: []bool{true, true},
		},
		{
			// A timer of its own may be first.
			name: "one that blames it when the time is over", probe: answersAfter(limit, failed(backstop.ClassTimeout)),
			took: limit, probed: []string{first},
			failures: []backstop.FailureClass{unseen, unseen}, excused: []bool{true, true},
		},
		{
			name: "one that is slow", probe: answersAfter(20*time.Second, failed(backstop.ClassQuota)),
			took: limit, probed: []string{first, second},
			failures: []backstop.FailureClass{backstop.ClassQuota, unseen}, excused: []bool{false, true},
		},
		{
			name: "one that is in time", probe: answersAfter(17*time.Second, failed(backstop.ClassQuota)),
			took: 34 * time.Second, probed: []string{first, second},
			failures: []backstop.FailureClass{backstop.ClassQuota, backstop.ClassQuota}, excused: []bool{false, false},
		},
		{
			name: "a limit of one's own", options: []backstop.Option{backstop.WithProbeLimit(time.Second)},
			probe: answersAfter(20*time.Second, failed(backstop.ClassQuota)),
			took:  time.Second, probed: []string{first},
			failures: []backstop.FailureClass{unseen, unseen}, excused: []bool{true, true},
		},
		{
			name: "as good as no limit", options: []backstop.Option{backstop.WithProbeLimit(1<<63 - 1)},
			probe: answersAfter(24*time.Hour, failed(backstop.ClassQuota)),
			took:  48 * time.Hour, probed: []string{first, second},
			failures: []backstop.FailureClass{backstop.ClassQuota, backstop.ClassQuota}, excused: []bool{false, false},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := start(t, append(c.options, backstop.WithPoolSize(1), backstop.WithValidatorErrors(
					func(_ context.Context, err error, _, _ string) { t.Errorf("told of %v", err) }))...)
				storage := stored(engine, down())
				validator := &crew{probe: func(ctx context.Context, _ int, _ string) (backstop.Probe, error) { return c.probe(ctx) }}
				began := time.Now()
				resolution, err := engine.Control(storage, validator).Resolve(t.Context(), backstop.Request{}, call(60_000))
				if took := time.Since(began); took != c.took {
					t.Errorf("it took %v, not %v", took, c.took)
				}
				if err != nil || resolution.Answer.Refusal == nil || resolution.Answer.Refusal.Reason.Kind != "unavailable" {
					t.Fatalf("got %+v, %v", resolution, err)
				}
				if got := validator.probed(); !slices.Equal(got, c.probed) {
					t.Errorf("probed %v, not %v", got, c.probed)
				}
				for i, backend := range storage.rosters["acme"].Backends {
					health := backend.Health
					if got, want := health.Failure.Class, c.failures[i]; got != want {
						t.Errorf("%s is invalid because of %s, not %s", backend.Name, got, want)
					}
					if excused := health.Excuse != nil && *health.Excuse == backstop.ClassInternal; excused != c.excused[i] {
						t.Errorf("%s: got %+v", backend.Name, health)
					}
				}
				// What was given up ends too, later.
				time.Sleep(10 * limit)
			})
		})
	}
}

// A validation has no limit but its context. Who waits for its probe has their own, and what a
// resolution gives up others take over.
func TestALimitIsThatOfOneResolution(t *testing.T) {
	backend := down().Backends[0].ID
	for name, resolvesFirst := range map[string]bool{"a resolution leads": true, "a validation leads": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				engine := start(t, backstop.WithPoolSize(1))
				validator := &crew{probe: func(context.Context, int, string) (backstop.Probe, error) {
					time.Sleep(time.Hour)
					return passed(), nil
				}}
				control := engine.Control(stored(engine, down()), validator)
				began := time.Now()
				resolved, validated := make(chan time.Duration, 1), make(chan time.Duration, 1)
				begin := []func(){
					func() {
						resolution, err := control.Resolve(t.Context(), backstop.Request{}, call(60_000))
						if err != nil || resolution.Answer.Refusal == nil {
							t.Errorf("got %+v, %v", resolution, err)
						}
						resolved <- time.Since(began)
					},
					func() {
						if got, err := askValidate(t.Context(), control, backend); err != nil || got != (backstop.OK{}) {
							t.Errorf("got %+v, %v", got, err)
						}
						validated <- time.Since(began)
					},
				}
				if !resolvesFirst {
					slices.Reverse(begin)
				}
				want := time.Hour
				if resolvesFirst {
					want += 35 * time.Second
				}
				for _, begin := range begin {
					go begin()
					synctest.Wait()
				}
				if got := <-resolved; got != 35*time.Second {
					t.Errorf("the resolution took %v", got)
				}
				if got := <-validated; got != want {
					t.Errorf("the validation took %v, not %v", got, want)
				}
			})
		})
	}
}

// What passes at the last moment has passed.
func TestABackendThatPassesAtTheLastMomentIsSelected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := start(t)
		validator := &crew{probe: func(ctx context.Context, _ int, _ string) (backstop.Probe, error) {
			deadline, _ := ctx.Deadline()
			time.Sleep(time.Until(deadline) - 1)
			return passed(), nil
		}}
		resolution, err := engine.Control(stored(engine, down()), validator).Resolve(t.Context(), backstop.Request{}, call(60_000))
		if err != nil || resolution.Answer.Decision == nil {
			t.Errorf("got %+v, %v", resolution, err)
		}
	})
}

// The context of the caller ends the resolution, as it does without a limit.
func TestTheContextOfAResolutionEndsItBeforeItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine := start(t)
		validator := &crew{probe: func(ctx context.Context, _ int, _ string) (backstop.Probe, error) {
			<-ctx.Done()
			return failed(backstop.ClassTimeout), nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		storage := stored(engine, down())
		if err := askResolve(ctx, engine.Control(storage, validator)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if revision := storage.rosters["acme"].Revision; revision != down().Revision {
			t.Error("something was written")
		}
	})
}

// Those who come and go at random all end, with an answer or because they left.
func TestCrowdsComeAndGo(t *testing.T) {
	engine := start(t, backstop.WithPoolSize(2), backstop.WithMaxUseCases(32))
	validator := &crew{probe: func(ctx context.Context, number int, _ string) (backstop.Probe, error) {
		switch number % 4 {
		case 0:
			<-ctx.Done()
			return backstop.Probe{}, ctx.Err()
		case 1:
			panic(number)
		}
		time.Sleep(time.Duration(number%3) * time.Millisecond)
		return failed(backstop.ClassNetwork), nil
	}}
	control := engine.Control(broken{
		load:   func(context.Context) (*backstop.Roster, error) { return down(), nil },
		commit: func(context.Context) error { return nil },
	}, validator)
	var calls sync.WaitGroup
	for i := range 2_000 {
		calls.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%17)*time.Millisecond)
			defer cancel()
			if err := askResolve(ctx, control); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Error(fmt.Errorf("call %d: %w", i, err))
			}
		})
	}
	calls.Wait()
}
