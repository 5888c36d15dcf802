package model

import "errors"

// What the engine answers and the edge of HTTP turns into a status, in one place
// that both may know. Wrap them with %w to say more.
var (
	// ErrNotFound: there is no such session (or it is gone), journey, node or pod.
	ErrNotFound = errors.New("not found")
	// ErrFull: the server holds as many sessions as it may.
	ErrFull = errors.New("no room for another session")
	// ErrClosed: the server is shutting down, or the session just closed.
	ErrClosed = errors.New("closed")
	// ErrLost: there was such a session, and it cannot be opened again: the text says why.
	ErrLost = errors.New("it cannot be opened again")
	// ErrInvalid: the request cannot be understood, whoever asks.
	ErrInvalid = errors.New("invalid request")
	// ErrConflict: it could be done, but not as things are: the text says why.
	ErrConflict = errors.New("conflict")
	// ErrTooLarge: the input is over a limit that the text names.
	ErrTooLarge = errors.New("too large")
)

// A FieldError is an ErrInvalid that knows which field of the request it is about.
type FieldError struct {
	Field  string // as JSON names it
	Detail string // "must be ..."
}

func (e *FieldError) Error() string { return e.Field + " " + e.Detail }

func (e *FieldError) Unwrap() error { return ErrInvalid }
