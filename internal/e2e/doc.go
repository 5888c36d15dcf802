// Package e2e tests the whole of Podhop as a person uses it: the real binary, real
// kubectl, a real browser, over HTTP alone. It has no code of its own, and must
// import nothing of the project but the wire types and what drives the browser and etcd.
package e2e
