package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	backstop "backstop.example/go"
)

// A plane is the control plane: the policy's use cases over HTTP.
//
//	POST   /organizations/{organization}                        create it; the body is the id of its inline backend
//	GET    /organizations/{organization}/backend?size=N         the backend to write to, or why there is none
//	GET    /organizations/{organization}/roster                 everything the policy knows
//	GET    /organizations/{organization}/events                 what happened
//	POST   /organizations/{organization}/backends               register a backend
//	PATCH  /organizations/{organization}/backends/{backend}     change one
//	DELETE /organizations/{organization}/backends/{backend}     delete one
//	POST   /organizations/{organization}/backends/{backend}/validate  probe one
//	PUT    /organizations/{organization}/policy                 replace the settings
//
// Bodies and answers are the contract's JSON. An If-Match header carries the revision that the caller
// has seen. Who calls is for a proxy to say; here it is the header X-Actor.
type plane struct {
	store   *Store
	probes  *directories
	control *backstop.Control
}

func (p *plane) handler() http.Handler {
	mux := http.NewServeMux()
	// handle answers with what a use case comes to.
	handle := func(pattern string, run func(*http.Request, backstop.Call, []byte) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
			if err != nil {
				http.Error(w, "the body is too large", http.StatusRequestEntityTooLarge)
				return
			}
			call, err := caller(r)
			if err != nil {
				fail(w, err)
				return
			}
			answer, err := run(r, call, body)
			if err != nil {
				fail(w, err)
				return
			}
			say(w, http.StatusOK, answer)
		})
	}
	const organization = "/organizations/{organization}"
	handle("POST "+organization, func(r *http.Request, call backstop.Call, body []byte) (any, error) {
		var inline backstop.BackendID
		if err := json.Unmarshal(body, &inline); err != nil {
			return nil, &backstop.InvalidError{Path: "body", Reason: "is not the id of a backend"}
		}
		return p.control.CreateOrganization(r.Context(), inline, call)
	})
	handle("GET "+organization+"/backend", func(r *http.Request, call backstop.Call, _ []byte) (any, error) {
		var request backstop.Request
		if text := r.URL.Query().Get("size"); text != "" {
			size, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return nil, &backstop.InvalidError{Path: "size", Reason: "is not a number of bytes"}
			}
			request.Size = &size
		}
		return p.control.Resolve(r.Context(), request, call)
	})
	handle("GET "+organization+"/roster", func(r *http.Request, call backstop.Call, _ []byte) (any, error) {
		return p.store.Load(r.Context(), call.Organization)
	})
	handle("GET "+organization+"/events", func(r *http.Request, call backstop.Call, _ []byte) (any, error) {
		return p.store.Events(r.Context(), call.Organization)
	})
	handle("POST "+organization+"/backends", func(r *http.Request, call backstop.Call, body []byte) (any, error) {
		var create backstop.Create
		if err := create.UnmarshalJSON(body); err != nil {
			return nil, err
		}
		// The validator is asked about the backend before it is stored.
		if _, taken := p.probes.pending.LoadOrStore(create.ID, create.Location); taken {
			return nil, &backstop.RefusedError{Codes: []backstop.Code{backstop.CodeIDTaken}}
		}
		defer p.probes.pending.Delete(create.ID)
		return p.control.Create(r.Context(), create, call)
	})
	handle("PATCH "+organization+"/backends/{backend}", func(r *http.Request, call backstop.Call, body []byte) (any, error) {
		var update backstop.Update
		if err := update.UnmarshalJSON(body); err != nil {
			return nil, err
		}
		update.Backend = r.PathValue("backend")
		return p.control.Update(r.Context(), update, call)
	})
	handle("DELETE "+organization+"/backends/{backend}", func(r *http.Request, call backstop.Call, _ []byte) (any, error) {
		return p.control.Delete(r.Context(), r.PathValue("backend"), call)
	})
	handle("POST "+organization+"/backends/{backend}/validate", func(r *http.Request, call backstop.Call, _ []byte) (any, error) {
		return p.control.Validate(r.Context(), r.PathValue("backend"), call)
	})
	handle("PUT "+organization+"/policy", func(r *http.Request, call backstop.Call, body []byte) (any, error) {
		var policy backstop.Policy
		if err := policy.UnmarshalJSON(body); err != nil {
			return nil, err
		}
		return p.control.SetPolicy(r.Context(), policy, call)
	})
	return mux
}

// caller says who asks, when, and what they have seen.
func caller(r *http.Request) (backstop.Call, error) {
	call := backstop.Call{
		Organization: r.PathValue("organization"), Actor: r.Header.Get("X-Actor"), By: backstop.ByOrganization,
		Now: uint64(time.Now().UnixMilli()),
	}
	if text := r.Header.Get("If-Match"); text != "" {
		seen, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return call, &backstop.InvalidError{Path: "If-Match", Reason: "is not a revision"}
		}
		call.Seen = &seen
	}
	return call, nil
}

// fail says why a use case did not do what it was asked for.
func fail(w http.ResponseWriter, err error) {
	var refused *backstop.RefusedError
	var invalid *backstop.InvalidError
	var stored *backstop.StorageError
	switch {
	case errors.Is(err, backstop.ErrOrganizationNotFound):
		say(w, http.StatusNotFound, &backstop.RefusedError{Codes: []backstop.Code{backstop.CodeOrganizationNotFound}})
	case errors.Is(err, backstop.ErrConflict):
		say(w, http.StatusConflict, err)
	case errors.As(err, &refused):
		say(w, http.StatusUnprocessableEntity, refused)
	case errors.As(err, &stored):
		http.Error(w, "the storage is out of reach, try again", http.StatusServiceUnavailable)
	case errors.As(err, &invalid):
		http.Error(w, invalid.Error(), http.StatusBadRequest)
	default:
		http.Error(w, "the policy did not answer", http.StatusInternalServerError)
	}
}

func say(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// Who does not read the answer anymore does not need an error either.
	_ = json.NewEncoder(w).Encode(answer)
}
