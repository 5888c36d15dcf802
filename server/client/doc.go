// Package client asks a Podhop server over HTTP, as the commands that look at a session
// do: its journeys, its packets, its stream.
//
// It must not know what is done with the answers.
package client
