package backstop

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// What a storage answers, matched with [errors.Is]. A [RefusedError] with the code of that name
// matches too.
var (
	// ErrOrganizationNotFound says that there is no such organization.
	ErrOrganizationNotFound = errors.New("there is no such organization")
	// ErrConflict says that the revision is not the expected one (USE-2).
	ErrConflict = errors.New("the revision is not the expected one")
	// ErrIDTaken says that the id of the new backend was used before, by one that is deleted
	// (HOST-2).
	ErrIDTaken = errors.New("the id was used before")
)

// What is wrong with an engine, matched with [errors.Is].
var (
	// ErrClosed says that the engine is closed, or was never made: [New] makes one.
	ErrClosed = errors.New("the engine is closed")
	// ErrForeignModule says that a module given by [WithModule] is not one of this contract. The
	// error that matches it says what is missing or too much.
	ErrForeignModule = errors.New("the module is not a core module of the world `backstop:policy/policy@0.1.0`")
)

// A RefusedError says that a command or a use case was refused, and nothing changed.
type RefusedError struct {
	// Codes are all that apply, sorted.
	Codes []Code
	// Failure is why the probe failed, with [CodeValidationFailed].
	Failure *Failure
}

// Error returns the codes.
func (e *RefusedError) Error() string {
	codes := make([]string, len(e.Codes))
	for i, code := range e.Codes {
		codes[i] = string(code)
	}
	text := "refused: " + strings.Join(codes, ", ")
	if e.Failure != nil {
		text += fmt.Sprintf(" (%s: %s)", e.Failure.Class, oneLine(e.Failure.Message))
	}
	return text
}

// MarshalJSON returns the refusal as the contract's JSON, with sorted keys and without blanks.
func (e *RefusedError) MarshalJSON() ([]byte, error) {
	b := appendList([]byte(`{"codes":`), e.Codes, appendCode)
	return append(appendOption(append(b, `,"failure":`...), e.Failure, appendFailure), '}'), nil
}

// Has says whether the code is among those that apply.
func (e *RefusedError) Has(code Code) bool { return slices.Contains(e.Codes, code) }

// Is says whether the refusal means what a storage's answer of that name means.
func (e *RefusedError) Is(target error) bool {
	switch target {
	case ErrOrganizationNotFound:
		return e.Has(CodeOrganizationNotFound)
	case ErrConflict:
		return e.Has(CodeConflict)
	case ErrIDTaken:
		return e.Has(CodeIDTaken)
	}
	return false
}

// An InvalidError says that a value is not one of the contract. Nothing ran.
type InvalidError struct {
	// Path is where the value is, such as `roster.backends[1].mode`; empty for the whole value.
	Path string
	// Reason is what is wrong with it, as the end of a sentence.
	Reason string
}

// Error names the value and what is wrong with it.
func (e *InvalidError) Error() string {
	if e.Path == "" {
		return "the value " + e.Reason
	}
	return "`" + e.Path + "` " + e.Reason
}

// A StorageError says that the storage failed: it returned an error that is none of its answers, it
// panicked, or what it returned is no roster. Trying again may help (RES-3).
type StorageError struct {
	// Op is what it was asked for: `load` or `commit`.
	Op string
	// Message is what the policy was told: the text of the storage's error, cut at 4 KiB.
	Message string
	// Err is the storage's own error, an [InvalidError] or a [PanicError]. Where the context had
	// ended, it matches that of the context as well.
	Err error
}

// Error says what failed.
func (e *StorageError) Error() string {
	return "the storage failed to " + e.Op + ": " + oneLine(e.Message)
}

// Unwrap returns the storage's own error.
func (e *StorageError) Unwrap() error { return e.Err }

// A PanicError is a panic of a storage or a validator.
type PanicError struct {
	// Value is what was thrown.
	Value any
	// Stack is where, as [runtime/debug.Stack] tells it.
	Stack []byte
}

// Error returns what was thrown, without the stack.
func (e *PanicError) Error() string { return oneLine(fmt.Sprintf("panic: %v", e.Value)) }

// Unwrap returns what was thrown if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// A TrapError says that the module stopped in the middle of a call: it ran out of memory, it is
// faulty, or it was interrupted. The instance is gone; the next call has another one.
type TrapError struct {
	// Call is what was called, such as `planner.select`.
	Call string
	// Err is the engine's own error. Where the call was interrupted, it is that of the context.
	Err error
}

// Error says what stopped.
func (e *TrapError) Error() string {
	first, _, _ := strings.Cut(text(e.Err), "\n")
	return "the policy stopped in `" + e.Call + "`: " + first
}

// Unwrap returns the engine's own error.
func (e *TrapError) Unwrap() error { return e.Err }

// An ABIError says that the module passed what the contract does not allow. The instance is gone; the
// next call has another one. The module that comes with this package never does.
type ABIError struct {
	// Call is what was called, such as `planner.select`.
	Call string
	// Reason is what it passed.
	Reason string
}

// Error says what was passed.
func (e *ABIError) Error() string {
	return "the policy broke the contract in `" + e.Call + "`: " + e.Reason
}

// oneLine returns a text with its blanks, line ends among them, as single spaces.
func oneLine(text string) string {
	return strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ")
}

// text returns the text of an error, whatever the error does when it is asked, cut at 4 KiB.
func text(err error) (text string) {
	const most = 4 << 10
	defer func() {
		if recover() != nil {
			text = "an error that panics when it is asked for its text"
		}
	}()
	text = err.Error()
	if len(text) > most {
		end := most
		for end > most-utf8.UTFMax && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + "..."
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// matches is [errors.Is], whatever the error does when it is asked: a nil pointer of an error type
// panics.
func matches(err, target error) (is bool) {
	defer func() {
		if recover() != nil {
			is = false
		}
	}()
	return errors.Is(err, target)
}
