package model

import "context"

// A Visitor is who looks at a page, as far as the server knows.
type Visitor struct {
	// Name and Email are empty unless somebody has signed in.
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
	// MaySignIn is that there are accounts, which a page offers to sign in with.
	MaySignIn bool `json:"-"`
	// Roles are of learner, instructor and operator.
	Roles []string `json:"roles"`
}

// SignedIn reports whether the visitor has shown who they are.
func (v Visitor) SignedIn() bool { return v.Name != "" || v.Email != "" }

type visitorKey struct{}

// WithVisitor is a context in which a page is made for somebody.
func WithVisitor(ctx context.Context, v Visitor) context.Context {
	return context.WithValue(ctx, visitorKey{}, v)
}

// VisitorOf is for whom a page is made.
func VisitorOf(ctx context.Context) Visitor {
	v, _ := ctx.Value(visitorKey{}).(Visitor)
	return v
}

// SignIn is what the page says that asks who somebody is.
type SignIn struct {
	// To is the path that it leads to.
	To string
	// Wrong says what was wrong with what was shown; empty before.
	Wrong string
	// Failed says why somebody is not signed in by their account; empty before.
	Failed string
	// Provider is the host of the OpenID provider that may be asked; empty if there is none.
	Provider string
}

// A Gate is what a page asks of strangers before the site opens something for them.
type Gate struct {
	// Kind is work or token.
	Kind string
	// Action is where the page's form goes, with Fields, and what was asked for.
	Action string
	Fields []Field
	// Challenge is the work; see the package server/gate.
	Challenge string
	// Wrong says what was wrong with what was shown; empty before.
	Wrong string
}

// A Field is one of a form.
type Field struct{ Name, Value string }
