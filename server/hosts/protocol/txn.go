package protocol

import "time"

// A Lease is etcd's number of one; 0 is none.
type Lease int64

// What Compare.Created says beside the revision at which the key must have been made.
const (
	Absent  = 0
	Present = -1
)

// A Compare is a condition of a transaction.
type Compare struct {
	Key     string
	Created int64
}

// A Change is what a transaction does to a key.
type Change struct {
	Key, Value string
	Leased     bool // bound to the lease of the Op
	Delete     bool
}

// A Txn is a transaction of etcd: all of Then if all of If holds; if not, it reads a key.
type Txn struct {
	If   []Compare
	Then []Change
	Else string
}

// A Kind is what an Op is.
type Kind uint8

const (
	// Grant asks for a lease of the host's time to live, Renew and Revoke are of that lease.
	Grant Kind = iota + 1
	Renew
	Revoke
	// These are transactions.
	Announce
	Create
	Claim
	Release
	End
	// These are of the engine on this host: to take a session over from what is kept of it, to
	// let it go so that another host may, and to let it go when another may have it already,
	// which writes nothing.
	Open
	Park
	Drop
)

// An Op is what a Host wants done. Each is answered once, by Host.Answer.
type Op struct {
	Kind    Kind
	Lease   Lease
	Session string
	Txn     Txn
	Sent    time.Duration // by the host's clock
}

// A Result is how an Op ended.
type Result uint8

const (
	// Unknown says that nobody knows: there was no answer in time. It may have been done, or
	// be done yet.
	Unknown Result = iota
	Done
	// Refused says that a transaction's comparison failed; of Open, that there is no session.
	Refused
	// Expired says that there is no such lease.
	Expired
)

// An Outcome is the answer to an Op.
type Outcome struct {
	Result   Result
	Lease    Lease // of Grant
	Revision int64 // at which a transaction was done
	Has      Key   // what a transaction that was refused read
}

// A Key is one of etcd's, without the prefix of all of them. Created is 0 if it is not there.
type Key struct {
	Name, Value string
	Created     int64
}
