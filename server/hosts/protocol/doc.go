// Package protocol decides which of several hosts has which session. It is pure: a Host is
// told what etcd answered, what a watch saw and what time it is, and says what to ask next.
// Package hosts runs it against etcd, and this package's tests run the same code through
// every order of events of a small world. It must not know how etcd is asked, nor what a
// session is.
//
// There are three kinds of keys. hosts/ID is a host that is alive, places/SESSION says which
// host has a session, and both are bound to that host's lease; sessions/SESSION is there while
// the session is, whoever has it. Who wants a session that nobody has makes the key of its
// place, in a transaction that fails if there is one. The revision at which that key was made
// is the fence: whatever the host writes of the session compares it in the same transaction.
//
// A host serves while its own clock says that its lease cannot have run out. It counts from
// when it asked for the last renewal that was answered, and stops Margin before the time: so
// much may its clock be slower than etcd's, of each time to live. Beyond that, as with a machine
// that was paused without its clock, the fence alone keeps what is written safe: what the host
// says may be old until its next renewal is answered. A clock that is fast ends it early. A lease that etcd ends later than it might (a new leader counts anew) does no harm.
package protocol
