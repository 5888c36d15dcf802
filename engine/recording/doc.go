// Package recording is the file that a stretch of a session is kept in: JSON in gzip,
// of model.Recording's shape. It says what goes into one, and reads one that
// anybody may have written.
//
// It is pure: it is given objects and messages, and must know neither a session's API
// nor where files are kept.
package recording
