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
	// ErrInvalid: the request cannot be understood, whoever asks.
	ErrInvalid = errors.New("invalid request")
	// ErrTooLarge: the input is over a limit that the text names.
	ErrTooLarge = errors.New("too large")
)
