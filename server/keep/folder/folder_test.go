package folder

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/podhop/podhop/server/keep"
	"github.com/podhop/podhop/server/keep/keeptest"
)

// writerEnv has the test's program be one that writes into a folder until it is killed.
const writerEnv = "PODHOP_TEST_WRITES"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerEnv); dir != "" {
		writeForever(dir)
	}
	os.Exit(m.Run())
}

func opened(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestFolder(t *testing.T) {
	keeptest.Run(t, func(t *testing.T) (a, b keep.Store) {
		s := opened(t, filepath.Join(t.TempDir(), "documents"))
		return s, s
	})
}

func TestOpenAgain(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir)
	var have []keep.Document
	for i := range 5 {
		d, err := s.Put(t.Context(), fmt.Sprint("a/", i), fmt.Append(nil, "text\n", i), 0)
		if err != nil {
			t.Fatal(err)
		}
		have = append(have, d)
	}
	if err := s.Delete(t.Context(), "a/4", have[4].Revision); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "a/5", nil, 0); !errors.Is(err, errClosed) {
		t.Errorf("written after the end: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a+0"+newSuffix), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = opened(t, dir)
	got, err := s.List(t.Context(), "")
	if err != nil || len(got) != 4 {
		t.Fatalf("%v, %v", got, err)
	}
	for i, d := range got {
		if d.Key != have[i].Key || string(d.Value) != string(have[i].Value) || d.Revision != have[i].Revision {
			t.Errorf("%+v, was %+v", d, have[i])
		}
	}
	if _, err := s.Put(t.Context(), "a/0", nil, have[0].Revision); err != nil {
		t.Error(err)
	}
	if d, err := s.Put(t.Context(), "a/4", nil, 0); err != nil || d.Revision <= have[4].Revision {
		t.Errorf("%+v after revision %d, %v", d, have[4].Revision, err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*"+newSuffix)); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	info, err := os.Stat(filepath.Join(dir, "a+1"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestLocked(t *testing.T) {
	dir := t.TempDir()
	opened(t, dir)
	if _, err := open(dir, 0); !errors.Is(err, ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
}

func TestDamaged(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir)
	for _, key := range []string{"cut", "changed", "empty", "whole", "swapped"} {
		if _, err := s.Put(t.Context(), key, []byte("a value of some length"), 0); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	text, err := os.ReadFile(filepath.Join(dir, "cut"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"cut": string(text[:len(text)-3]), "changed": strings.Replace(string(text), "some", "same", 1),
		"empty": "", "swapped": strings.Replace(string(text), "podhop-document 1 ", "podhop-document 1 9", 1)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = opened(t, dir)
	if got, err := s.List(t.Context(), ""); err != nil || len(got) != 1 || got[0].Key != "whole" {
		t.Errorf("%v, %v", got, err)
	}
	if len(s.Damaged) != 4 {
		t.Errorf("set aside: %v", s.Damaged)
	}
	for _, name := range s.Damaged {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}

// A server that cannot read a document leaves all as it is.
func TestNewer(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	if err := os.WriteFile(name, []byte("podhop-document 2 something else\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "b"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrNewer) || !strings.Contains(fmt.Sprint(err), name) {
		t.Errorf("opened: %v", err)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// What cannot be written is refused, and what was there before stays.
func TestCannotWrite(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, dir)
	d, err := s.Put(t.Context(), "a", []byte("1"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "a"+newSuffix), 0o700); err != nil { // nothing is written beside it
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), "a", []byte("2"), d.Revision); err == nil || strings.Contains(err.Error(), dir) {
		t.Errorf("written where nothing can be: %v", err)
	}
	if got, err := s.Get(t.Context(), "a"); err != nil || string(got.Value) != "1" {
		t.Errorf("%q, %v", got.Value, err)
	}
	if _, err := s.Put(t.Context(), "a", []byte("2"), d.Revision); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
}

// writeForever counts in four documents, and says which counts were acknowledged.
func writeForever(dir string) {
	s, err := Open(dir)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	say := make(chan string)
	for k := range 4 {
		go func() {
			key := fmt.Sprint("key/", k)
			var revision uint64
			for i := 1; ; i++ {
				d, err := s.Put(context.Background(), key, fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", i%5000)), revision)
				if err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
				revision = d.Revision
				say <- fmt.Sprint(k, " ", i)
			}
		}()
	}
	for line := range say {
		fmt.Println(line)
	}
}

// A server that is killed loses nothing that it has acknowledged, and leaves nothing torn.
func TestKilled(t *testing.T) {
	for range 5 {
		dir := t.TempDir()
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), writerEnv+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged, said := map[string]int{}, 0
		for lines := bufio.NewScanner(out); lines.Scan(); {
			key, count, _ := strings.Cut(lines.Text(), " ")
			n, err := strconv.Atoi(count)
			if err != nil {
				t.Fatalf("the writer says %q", lines.Text())
			}
			acknowledged["key/"+key] = n
			if said++; said == 100 {
				if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait()
		s := opened(t, dir)
		if len(s.Damaged) > 0 {
			t.Errorf("damaged: %v", s.Damaged)
		}
		for key, n := range acknowledged {
			d, err := s.Get(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			var have int
			var rest string
			if _, err := fmt.Sscan(string(d.Value), &have, &rest); err != nil && have%5000 != 0 {
				t.Fatalf("%q: %v", d.Value, err)
			}
			if have < n || len(rest) != have%5000 {
				t.Errorf("%s: %d was acknowledged, and there is %d with %d bytes", key, n, have, len(rest))
			}
		}
		s.Close()
	}
}
