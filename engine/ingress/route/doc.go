// Package route is what a proxy goes by: ports, listeners, rules in the order in
// which they are asked, and backends. Its functions say what a table makes of a
// request.
//
// It is pure, and standard library only: it must know nothing of Kubernetes, which
// the planner turns into tables, nor of sockets, which the proxy has.
package route
