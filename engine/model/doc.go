// Package model holds the types that cross the wire to the browser: the
// topology graph, journeys and their hops, what one paste and one request
// answered, and the messages of a session's stream.
//
// It must know nothing but the standard library: the page, the server and every
// part of the engine share it.
package model
