package backstop

// What crosses the boundary and is no part of the Go interface: there, it is an error.

// A rejection is what a [RefusedError] is made of.
type rejection struct {
	Codes   []Code
	Failure *Failure
}

type controlError struct {
	Kind    controlErrorKind
	Refused rejection
	Failed  string
}

type controlErrorKind string

const (
	controlRefused controlErrorKind = "refused"
	controlFailed  controlErrorKind = "failed"
)

type storageError struct {
	Kind   storageErrorKind
	Failed string
}

type storageErrorKind string

const (
	storageOrganizationNotFound storageErrorKind = "organization-not-found"
	storageFailed               storageErrorKind = "failed"
)

type commitError struct {
	Kind   commitErrorKind
	Failed string
}

type commitErrorKind string

const (
	commitConflict commitErrorKind = "conflict"
	commitIDTaken  commitErrorKind = "id-taken"
	commitFailed   commitErrorKind = "failed"
)
