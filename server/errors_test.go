package server

import "testing"

// Sentences begin with whatever letter a name begins with.
func TestWhoHasFrozen(t *testing.T) {
	for by, want := range map[string]string{
		"the instructor": "The instructor has frozen the screens of the class. Look up.",
		"émile":          "Émile has frozen the screens of the class. Look up.",
		"李老师":            "李老师 has frozen the screens of the class. Look up.",
		"ﬁona":           "ﬁona has frozen the screens of the class. Look up.",
	} {
		if got := isFrozen(by, "Look up.").Detail; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
