package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	backstop "backstop.example/go"
)

// directories probes backends that are directories below a root. It is a [backstop.Validator].
type directories struct {
	root  *os.Root
	store *Store
	// pending are where backends are that are being created: they are probed before they are stored.
	pending sync.Map
}

// Validate writes an object, reads it back and removes it (HOST-3).
func (d *directories) Validate(
	ctx context.Context, _ backstop.OrganizationID, backend backstop.BackendID, _ uint64,
) (backstop.Probe, error) {
	location, pending := d.pending.Load(backend)
	if !pending {
		stored, err := d.store.Location(ctx, backend)
		if err != nil {
			// The host's own fault fails nothing over: it is the outcome `internal`.
			return backstop.Probe{}, fmt.Errorf("cannot read the location: %w", err)
		}
		location = stored
	}
	outcome := d.probe(location.(string))
	return backstop.Probe{Outcome: outcome, FinishedAt: uint64(time.Now().UnixMilli())}, nil
}

func (d *directories) probe(location string) backstop.Outcome {
	object := fmt.Sprintf("%s/.backstop-probe-%d", location, time.Now().UnixNano())
	const content = "backstop"
	err := d.root.WriteFile(object, []byte(content), 0o600)
	if err == nil {
		defer d.root.Remove(object)
		var read []byte
		if read, err = d.root.ReadFile(object); err == nil && string(read) != content {
			return failed(backstop.ClassIntegrity, "what was read is not what was written")
		}
	}
	switch {
	case err == nil:
		return backstop.OK{}
	case errors.Is(err, fs.ErrNotExist):
		return failed(backstop.ClassNotFound, "there is no such directory")
	case errors.Is(err, fs.ErrPermission):
		return failed(backstop.ClassPermission, "the directory takes no file")
	default:
		return failed(backstop.ClassConfiguration, "the directory cannot be used")
	}
}

func failed(class backstop.FailureClass, message string) backstop.Outcome {
	return backstop.Failed{Failure: backstop.Failure{Class: class, Message: message}}
}
