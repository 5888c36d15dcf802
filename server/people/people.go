// Package people says who asks: a person, known by a cookie or by an account of an
// OpenID provider, and what they may be. It must not know what sessions and classes are;
// who holds a link may do what the link is for, whoever they are.
package people

import (
	"context"
	"slices"
)

// A Role is what a person may be on this server.
type Role string

const (
	Learner    Role = "learner"
	Instructor Role = "instructor" // may make classes
	Operator   Role = "operator"   // may see and end everybody's sessions, and look into the server
)

// A Person is who asks.
type Person struct {
	// ID is the same at each request of a person, and tells nothing about them; empty for
	// one who has brought nothing yet.
	ID string
	// Name and Email are as the OpenID provider says; empty without an account.
	Name, Email string
	Roles       []Role
}

// Is reports whether a person has a role. An operator has all of them.
func (p Person) Is(r Role) bool {
	return slices.Contains(p.Roles, r) || slices.Contains(p.Roles, Operator)
}

// SignedIn reports whether a person has shown who they are.
func (p Person) SignedIn() bool { return p.Name != "" }

type key struct{}

// With is a context in which a person asks.
func With(ctx context.Context, p Person) context.Context { return context.WithValue(ctx, key{}, p) }

// From is who asks; nobody in particular if the context does not say.
func From(ctx context.Context) Person {
	p, _ := ctx.Value(key{}).(Person)
	return p
}
