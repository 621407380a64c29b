// Command sql is a control plane over a database: the policy's use cases, rosters in tables, and
// backends that are directories. It is an example of a host in Go, small enough to read in one go:
// store.go keeps rosters, probe.go probes backends, and plane.go speaks HTTP.
//
//	go run . -database backstop.db -root backends
//	curl -X POST localhost:8080/organizations/acme -d '"inline-1"'
//	curl localhost:8080/organizations/acme/backend
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"time"

	backstop "backstop.example/go"
)

func main() {
	address := flag.String("address", "127.0.0.1:8080", "where to listen")
	database := flag.String("database", "backstop.db", "the file of the database")
	root := flag.String("root", ".", "the directory that backends are below")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *address, *database, *root); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, address, database, root string) error {
	p, closePlane, err := open(ctx, database, root)
	if err != nil {
		return err
	}
	defer closePlane()
	server := &http.Server{Addr: address, Handler: p.handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		// Requests that are under way may end.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
	}()
	log.Printf("listening on http://%s", address)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// open puts the control plane together, and returns how to take it apart.
func open(ctx context.Context, database, root string) (*plane, func(), error) {
	directory, err := os.OpenRoot(root)
	if err != nil {
		return nil, nil, err
	}
	store, err := OpenStore(ctx, database)
	if err != nil {
		return nil, nil, errors.Join(err, directory.Close())
	}
	engine, err := backstop.New(ctx, backstop.WithValidatorErrors(
		func(_ context.Context, err error, organization backstop.OrganizationID, backend backstop.BackendID) {
			log.Printf("cannot probe backend %q of %q: %v", backend, organization, err)
		}))
	if err != nil {
		return nil, nil, errors.Join(err, store.Close(), directory.Close())
	}
	probes := &directories{root: directory, store: store}
	p := &plane{store: store, probes: probes, control: engine.Control(store, probes)}
	return p, func() {
		_ = engine.Close(context.Background())
		_ = store.Close()
		_ = directory.Close()
	}, nil
}
