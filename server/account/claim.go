package account

import (
	"fmt"
	"strings"
)

// A Claim is what a provider must say of somebody: groups=teachers. A claim that is a list has the
// value if it is in it; one within another is written with a dot, realm_access.roles.
type Claim struct{ Name, Value string }

// ParseClaims understands a comma-separated list of claims, of which one is enough.
func ParseClaims(list string) (all []Claim, err error) {
	for text := range strings.SplitSeq(list, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" || value == "" {
			return nil, fmt.Errorf("%q: must be CLAIM=VALUE, as groups=teachers", text)
		}
		all = append(all, Claim{name, value})
	}
	return all, nil
}

// claims are what a provider says of somebody.
type claims map[string]any

func (c claims) any(wanted []Claim) bool {
	for _, w := range wanted {
		if c.has(w) {
			return true
		}
	}
	return false
}

func (c claims) has(w Claim) bool {
	if w.Name == "email" && !c.verified() {
		return false // whoever may call themselves anything is nobody
	}
	values, isList := c.at(w.Name).([]any)
	if !isList {
		values = []any{c.at(w.Name)}
	}
	for _, v := range values {
		if v != nil && fmt.Sprint(v) == w.Value {
			return true
		}
	}
	return false
}

// at finds a claim by its name, or within others.
func (c claims) at(name string) any {
	if v, ok := c[name]; ok {
		return v
	}
	first, rest, ok := strings.Cut(name, ".")
	if inner, isMap := c[first].(map[string]any); ok && isMap {
		return claims(inner).at(rest)
	}
	return nil
}

// verified reports whether the provider has seen that the address of email is theirs. Some
// say so in a string.
func (c claims) verified() bool { return fmt.Sprint(c["email_verified"]) == "true" }

func (c claims) text(name string) string {
	text, _ := c[name].(string)
	return text
}

func (c claims) first(names ...string) string {
	for _, name := range names {
		if text := strings.TrimSpace(c.text(name)); text != "" {
			return text
		}
	}
	return "Somebody"
}
