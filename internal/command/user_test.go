package command

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/podhop/podhop/internal/nsexec"
)

func TestFindUser(t *testing.T) {
	for text, want := range map[string]nsexec.User{
		"root": {}, "0": {}, "10001": {UID: 10001, GID: 10001}, "10001:12": {UID: 10001, GID: 12},
	} {
		if got, err := findUser(text); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"nobody of this name", "-1", "1:", ":1", "1:2:3", "4294967295", ""} {
		if got, err := findUser(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

// TestGiveOver gives a folder away, and back: to oneself where one is not root, which is to
// leave it as it is.
func TestGiveOver(t *testing.T) {
	folder := t.TempDir()
	file, link := filepath.Join(folder, "sessions", "a"), filepath.Join(folder, "link")
	outside := filepath.Join(t.TempDir(), "outside")
	for _, dir := range []string{filepath.Dir(file), outside} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	self := nsexec.User{UID: os.Getuid(), GID: os.Getgid()}
	to := self
	if os.Geteuid() == 0 {
		to = nsexec.User{UID: 10001, GID: 10002}
	}
	for _, to := range []nsexec.User{to, self} {
		if err := giveOver(folder, to); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]nsexec.User{folder: to, filepath.Dir(file): to, file: to, link: to, outside: self} {
			info, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			if st := info.Sys().(*syscall.Stat_t); int(st.Uid) != want.UID || int(st.Gid) != want.GID {
				t.Errorf("%s is %d:%d's, want %v", path, st.Uid, st.Gid, want)
			}
		}
	}
	if err := giveOver(filepath.Join(folder, "none"), to); err == nil {
		t.Error("there is no such folder")
	}
}
