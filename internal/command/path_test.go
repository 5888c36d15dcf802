package command

import "testing"

func TestWithSystem(t *testing.T) {
	for _, tt := range []struct{ name, path, want string }{
		{"an ordinary user's on Debian", "/usr/local/bin:/usr/bin:/bin:/usr/games", "/usr/local/bin:/usr/bin:/bin:/usr/games:/usr/local/sbin:/usr/sbin:/sbin"},
		{"root's", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		{"some of them", "/usr/sbin:/home/me/bin", "/usr/sbin:/home/me/bin:/usr/local/sbin:/sbin"},
		{"none at all", "", "/usr/local/sbin:/usr/sbin:/sbin"},
	} {
		if got := withSystem(tt.path); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
