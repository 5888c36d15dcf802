// Package journal keeps what a session's API was told, so that it outlasts the server:
// in a folder, a snapshot of all objects and a log of every change since.
//
// A change is in the log's file before whoever made it gets an answer, so it outlasts the
// server's process, whatever ends that. What outlasts the machine's power is what was
// synced: a Syncer does that some seconds later at most. A log that has outgrown the
// snapshot is left for a new one while a new snapshot is written; at each moment of that,
// what is in the folder is whole.
//
// A log may end in the middle of a record, if the power went: the tail is cut off, and the
// reader told. Anything else that is not as it was written is damage, and no state is
// read at all.
//
// It knows bytes under keys, and neither Kubernetes nor sessions.
package journal
