// Package plan turns objects of the API into routing tables, and says what is to be
// told of each object: events and statuses.
//
// It is pure: it must not know where objects come from, who serves the tables, or
// what time it is.
package plan
