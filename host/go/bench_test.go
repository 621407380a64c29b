package backstop_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/tetratelabs/wazero"

	backstop "backstop.example/go"
)

// The ids of the benchmarks are the same in every host.

// many returns a roster with a default, a fallback and others, as a control plane keeps it.
func many(backends int) *backstop.Roster {
	roster := backstop.EmptyRoster()
	roster.Revision = 7
	for i := range backends {
		backend := backstop.NewBackend(
			fmt.Sprintf("018f3b0c-7c1e-7f00-8000-%012d", i), fmt.Sprintf("backend-%d", i), backstop.KindExternal,
			"OCI", fmt.Sprintf("registry.example/team/artifacts-%d", i),
		)
		backend.Health.CheckedAt = new(uint64)
		*backend.Health.CheckedAt = 1_000
		backend.Health.Successes = 3
		roster.Backends = append(roster.Backends, backend)
	}
	roster.Default = &roster.Backends[0].ID
	roster.Fallbacks = []string{roster.Backends[1].ID}
	roster.Route = &roster.Backends[0].ID
	return roster
}

func selects(b *testing.B, backends int, options ...backstop.Option) {
	planner := start(b, options...).Planner()
	roster, request := many(backends), backstop.Request{}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := planner.Select(b.Context(), roster, request, 2_000); err != nil {
			b.Fatal(err)
		}
	}
}

func parallel(b *testing.B, places int) {
	planner := start(b, backstop.WithPoolSize(places)).Planner()
	roster, request := many(2), backstop.Request{}
	ctx := context.Background()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := planner.Select(ctx, roster, request, 2_000); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func resolves(b *testing.B) {
	storage := &memory{}
	storage.rosters = map[string]*backstop.Roster{"acme": many(2)}
	control := start(b).Control(storage, probes{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := control.Resolve(b.Context(), backstop.Request{}, call(2_000)); err != nil {
			b.Fatal(err)
		}
	}
}

func colds(b *testing.B, options ...backstop.Option) {
	roster := many(2)
	for b.Loop() {
		engine, err := backstop.New(b.Context(), options...)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := engine.Planner().Select(b.Context(), roster, backstop.Request{}, 2_000); err != nil {
			b.Fatal(err)
		}
		if err := engine.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFigures are the figures that every host has: each is a call with its roster going in and its
// answer coming out as values of this package.
func BenchmarkFigures(b *testing.B) {
	b.Run("cold", func(b *testing.B) { colds(b) })
	b.Run("resolve", resolves)
	b.Run("select-2", func(b *testing.B) { selects(b, 2) })
	b.Run("select-64", func(b *testing.B) { selects(b, 64) })
	b.Run("select-2-parallel", func(b *testing.B) { parallel(b, runtime.GOMAXPROCS(0)) })
}

// BenchmarkPool shows that the pool scales: the time per call falls with the instances, as far as
// there are cores.
func BenchmarkPool(b *testing.B) {
	for places := 1; places <= runtime.GOMAXPROCS(0); places *= 2 {
		b.Run(fmt.Sprintf("instances=%d", places), func(b *testing.B) { parallel(b, places) })
	}
}

// BenchmarkEngines compares the ways in which the module can run.
func BenchmarkEngines(b *testing.B) {
	cache := wazero.NewCompilationCache()
	defer cache.Close(b.Context())
	for name, option := range map[string]backstop.Option{
		"cached":        backstop.WithCompilationCache(cache),
		"interpreted":   backstop.WithInterpreter(),
		"interruptible": backstop.WithInterruption(),
		"translated":    backstop.WithTranslation(),
	} {
		b.Run("cold/"+name, func(b *testing.B) { colds(b, option) })
		b.Run("select-2/"+name, func(b *testing.B) { selects(b, 2, option) })
	}
}
