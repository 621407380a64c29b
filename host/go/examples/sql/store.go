package main

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"

	backstop "backstop.example/go"
	_ "modernc.org/sqlite"
)

//go:embed schema.sql
var schema string

// A Store keeps rosters in a database, as a [backstop.Storage].
//
// The statements are SQLite's; for PostgreSQL the placeholders are `$1` instead of `?`.
type Store struct{ db *sql.DB }

// OpenStore opens the database in a file, and makes its tables if there are none.
func OpenStore(ctx context.Context, file string) (*Store, error) {
	options := url.Values{"_pragma": {"busy_timeout(10000)", "foreign_keys(1)", "journal_mode(WAL)"}}
	db, err := sql.Open("sqlite", "file:"+file+"?"+options.Encode())
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot make the tables: %w", err), db.Close())
	}
	return &Store{db: db}, nil
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// Load reads the roster in one transaction, which sees one revision.
func (s *Store) Load(ctx context.Context, organization backstop.OrganizationID) (*backstop.Roster, error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()

	var roster backstop.Roster
	var policy []byte
	err = tx.QueryRowContext(ctx,
		"SELECT revision, default_backend, route, policy FROM organization WHERE id = ?", organization,
	).Scan(&roster.Revision, &roster.Default, &roster.Route, &policy)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, backstop.ErrOrganizationNotFound
	}
	if err != nil {
		return nil, err
	}
	if err := roster.Policy.UnmarshalJSON(policy); err != nil {
		return nil, err
	}
	if roster.Fallbacks, err = chain(ctx, tx, organization); err != nil {
		return nil, err
	}
	roster.Backends, err = backends(ctx, tx, organization)
	return &roster, err
}

func chain(ctx context.Context, tx *sql.Tx, organization string) ([]backstop.BackendID, error) {
	rows, err := tx.QueryContext(ctx, "SELECT backend FROM fallback WHERE organization = ? ORDER BY place", organization)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var fallbacks []backstop.BackendID
	for rows.Next() {
		var fallback backstop.BackendID
		if err := rows.Scan(&fallback); err != nil {
			return nil, err
		}
		fallbacks = append(fallbacks, fallback)
	}
	return fallbacks, rows.Err()
}

func backends(ctx context.Context, tx *sql.Tx, organization string) ([]backstop.Backend, error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT id, name, kind, provider, location, description, max_blob_bytes, mode, generation, health
		FROM backend WHERE organization = ? AND live = 1 ORDER BY id`, organization)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var backends []backstop.Backend
	for rows.Next() {
		var b backstop.Backend
		var health []byte
		err := rows.Scan(
			&b.ID, &b.Name, &b.Kind, &b.Provider, &b.Location, &b.Description, &b.MaxBlobBytes, &b.Mode, &b.Generation,
			&health,
		)
		if err != nil {
			return nil, err
		}
		if err := b.Health.UnmarshalJSON(health); err != nil {
			return nil, err
		}
		backends = append(backends, b)
	}
	return backends, rows.Err()
}

// Commit writes the change-set and its events in one transaction, or nothing.
func (s *Store) Commit(
	ctx context.Context, organization backstop.OrganizationID, expected uint64, changes *backstop.ChangeSet,
) error {
	err := s.commit(ctx, organization, expected, changes)
	if errors.Is(err, backstop.ErrConflict) {
		// Those who compete for the next attempt do not meet again (USE-2).
		time.Sleep(rand.N(20 * time.Millisecond))
	}
	return err
}

func (s *Store) commit(ctx context.Context, organization string, expected uint64, changes *backstop.ChangeSet) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()

	// The first statement writes: it takes the lock, and compares and swaps the revision under it.
	var swapped sql.Result
	if expected == 0 {
		policy, err := backstop.DefaultPolicy().MarshalJSON()
		if err != nil {
			return err
		}
		swapped, err = tx.ExecContext(ctx,
			"INSERT INTO organization (id, revision, policy) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING",
			organization, changes.Revision, string(policy))
		if err != nil {
			return err
		}
	} else {
		swapped, err = tx.ExecContext(ctx,
			"UPDATE organization SET revision = ? WHERE id = ? AND revision = ?", changes.Revision, organization, expected)
		if err != nil {
			return err
		}
	}
	if rows, err := swapped.RowsAffected(); err != nil {
		return err
	} else if rows == 0 {
		return backstop.ErrConflict
	}
	for _, change := range changes.Changes {
		if err := apply(ctx, tx, organization, change); err != nil {
			return err
		}
	}
	for _, event := range changes.Events {
		body, err := event.MarshalJSON()
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO event (organization, revision, body) VALUES (?, ?, ?)",
			organization, event.Revision, string(body))
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// apply writes one change. Each carries its whole new value, so that no rule is needed here.
func apply(ctx context.Context, tx *sql.Tx, organization string, change backstop.Change) error {
	exec := func(statement string, arguments ...any) error {
		_, err := tx.ExecContext(ctx, statement, arguments...)
		return err
	}
	switch change := change.(type) {
	case backstop.ChangeCreateOrganization:
		// The row is there: the revision was swapped in.
		return nil

	case backstop.ChangeCreateBackend:
		b := change.Backend
		health, err := b.Health.MarshalJSON()
		if err != nil {
			return err
		}
		var taken bool
		err = tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM backend WHERE id = ?)", b.ID).Scan(&taken)
		if err != nil {
			return err
		}
		if taken {
			return backstop.ErrIDTaken
		}
		return exec(`
			INSERT INTO backend (id, organization, name, kind, provider, location, description, max_blob_bytes, mode,
				generation, health)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			b.ID, organization, b.Name, b.Kind, b.Provider, b.Location, b.Description, b.MaxBlobBytes, b.Mode,
			b.Generation, string(health))

	case backstop.ChangeUpdateBackend:
		b := change.Backend
		health, err := b.Health.MarshalJSON()
		if err != nil {
			return err
		}
		return exec(`
			UPDATE backend SET description = ?, max_blob_bytes = ?, mode = ?, generation = ?, health = ?
			WHERE organization = ? AND id = ? AND live = 1`,
			b.Description, b.MaxBlobBytes, b.Mode, b.Generation, string(health), organization, b.ID)

	case backstop.ChangeSetRoles:
		err := exec("UPDATE organization SET default_backend = ? WHERE id = ?", change.Roles.Default, organization)
		if err != nil {
			return err
		}
		if err := exec("DELETE FROM fallback WHERE organization = ?", organization); err != nil {
			return err
		}
		for i, backend := range change.Roles.Fallbacks {
			err := exec("INSERT INTO fallback (organization, place, backend) VALUES (?, ?, ?)", organization, i+1, backend)
			if err != nil {
				return err
			}
		}
		return nil

	case backstop.ChangeDeleteBackend:
		return exec("UPDATE backend SET live = NULL WHERE organization = ? AND id = ?", organization, change.Backend)

	case backstop.ChangeSetPolicy:
		policy, err := change.Policy.MarshalJSON()
		if err != nil {
			return err
		}
		return exec("UPDATE organization SET policy = ? WHERE id = ?", string(policy), organization)

	case backstop.ChangeSetRoute:
		return exec("UPDATE organization SET route = ? WHERE id = ?", change.Route, organization)

	default:
		return fmt.Errorf("this storage does not know the change %T", change)
	}
}

// Location returns where a backend is, live or deleted.
func (s *Store) Location(ctx context.Context, backend backstop.BackendID) (string, error) {
	var location string
	err := s.db.QueryRowContext(ctx, "SELECT location FROM backend WHERE id = ?", backend).Scan(&location)
	return location, err
}

// Events returns the bodies of an organization's events, in order.
func (s *Store) Events(ctx context.Context, organization backstop.OrganizationID) ([]backstop.Event, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT body FROM event WHERE organization = ? ORDER BY sequence", organization)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var events []backstop.Event
	for rows.Next() {
		var body []byte
		var event backstop.Event
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		if err := event.UnmarshalJSON(body); err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, rows.Err()
}
