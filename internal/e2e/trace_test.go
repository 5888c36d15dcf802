package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"

	"github.com/podhop/podhop/engine/model"
)

const traced = `apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: c, image: traefik/whoami}]}
---
apiVersion: v1
kind: Pod
metadata: {name: shop}
spec: {nodeName: node-2, containers: [{name: c, image: busybox, command: [sleep, "100000"]}]}
---
apiVersion: v1
kind: Service
metadata: {name: front}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: nobody}
spec: {selector: {app: nobody}, ports: [{port: 80}]}
`

// trace is podhop trace, with the session in its environment. What a test gives to it
// on the command line wins.
func (x *session) trace(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, podhop, append([]string{"trace"}, args...)...)
	cmd.Env = append(os.Environ(), "PODHOP_SESSION="+x.ID, "PODHOP_SERVER="+x.URL)
	return cmd
}

// traces runs it to its end.
func (x *session) traces(args ...string) (stdout, stderr string, code int) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := x.trace(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		exit := new(exec.ExitError)
		if !errors.As(err, &exit) || ctx.Err() != nil {
			x.t.Fatalf("podhop trace %q: %v\n%s", args, err, &errs)
		}
		code = exit.ExitCode()
	}
	return out.String(), errs.String(), code
}

// says waits until podhop trace prints all that is wanted. What it prints is asked for
// again each time: of rules, only so many packets a second are told.
func (x *session) says(args []string, wanted ...string) (stdout string) {
	x.t.Helper()
	until(x.t, time.Minute, fmt.Sprintf("podhop trace %q", args), func() string {
		out, errs, code := x.traces(args...)
		for _, want := range wanted {
			if code != 0 || !strings.Contains(out, want) {
				x.send("pod/default/shop", "http://front/one")
				x.send("pod/default/shop", "http://nobody/")
				return fmt.Sprintf("no %q, but code %d, %s\n%s", want, code, errs, out)
			}
		}
		stdout = out
		return ""
	})
	return stdout
}

// tshark reads a capture file: a line a frame.
func tshark(file string, fields ...string) (string, error) {
	args := []string{"-n", "-r", file, "-T", "fields", "-E", "separator=|"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	out, err := exec.Command("tshark", args...).Output() // it warns root on the other stream
	return string(out), err
}

func TestTrace(t *testing.T) {
	s := start(t, t.TempDir())
	x := s.openWith(model.SessionOptions{Nodes: 2})
	for _, r := range x.apply(traced) {
		if r.Action != "created" {
			t.Fatalf("%+v", r)
		}
	}
	until(t, 2*time.Minute, "two pods run", func() string {
		return map[bool]string{false: "not yet"}[len(x.pods("web")) == 1 && len(x.pods("shop")) == 1]
	})
	for to, outcome := range map[string]string{"http://front/one": "answered", "http://nobody/": "refused"} {
		until(t, time.Minute, to, func() string {
			if a := x.send("pod/default/shop", to).Answers[0]; a.Outcome != outcome {
				return fmt.Sprintf("%+v", a)
			}
			return ""
		})
	}
	x.run(t, "wrong calls", testTraceCalls)
	x.run(t, "text", testTraceText)
	x.run(t, "a terminal", testTraceTerminal)
	x.run(t, "JSON", testTraceJSON)
	x.run(t, "pcapng", testTracePackets)
	x.run(t, "a recording", testTraceRecording)
	x.run(t, "follow", testTraceFollow)
}

func testTraceCalls(t *testing.T, x *session) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"-h"}, 0, "wireshark -k -i -"},
		{[]string{"--session", ""}, 2, "--session must say which session"},
		{[]string{"--session", x.URL}, 2, "--session must be the address of a session's page"},
		{[]string{"--server", "localhost"}, 2, "is not the address of a server"},
		{[]string{"--verdict", "lost"}, 2, `--verdict must be delivered, dropped, rejected or underway, not "lost"`},
		{[]string{"--protocol", "carrier-pigeon"}, 2, "--protocol must be TCP, UDP,"},
		{[]string{"--since", "noon"}, 2, "--since must be how long ago"},
		{[]string{"-o", "yaml"}, 2, `-o must be text, json or pcapng, not "yaml"`},
		{[]string{"--color", "red"}, 2, "--color must be always, auto or never"},
		{[]string{"--vertex", "client"}, 2, "--vertex and --device are for -o pcapng"},
		{[]string{"-o", "pcapng", "--device", "eth0"}, 2, "--device must come with --vertex"},
		{[]string{"--recording", "x", "--follow"}, 2, "it goes with neither --follow nor -o pcapng"},
		{[]string{"--recording", "/nothing"}, 1, "no such file"},
		{[]string{"--recording", podhop}, 1, "it is not compressed with gzip"},
		{[]string{"--never"}, 2, "flag provided but not defined"},
		{[]string{"else"}, 2, `unexpected argument "else"`},
		{[]string{"--session", "nothing"}, 1, "has no session nothing: it was closed, its time was up, or it never was"},
		{[]string{"--session", "nothing", "--follow"}, 1, "has no session nothing"},
		{[]string{"--server", "http://127.0.0.1:1"}, 1, "http://127.0.0.1:1 cannot be reached"},
		{[]string{"-o", "pcapng", "--from", "nothing"}, 1, "No packets are kept of that"},
		{[]string{"-w", "/nothing/x"}, 1, "no such file or directory"},
		{[]string{"--from", "nothing"}, 0, "No such journeys are kept"},
	} {
		if out, errs, code := x.traces(c.args...); code != c.code || !strings.Contains(errs, c.says) || out != "" {
			t.Errorf("podhop trace %q: code %d, want %d and %q\n%s%s", c.args, code, c.code, c.says, out, errs)
		}
	}
}

func testTraceText(t *testing.T, x *session) {
	// The page's address, as one copies it.
	out := x.says([]string{"--session", x.URL + "/s/" + x.ID, "--from", "shop", "--to", "default/front", "--protocol", "tcp"},
		"shop → web through Service front  TCP SYN  delivered after ", "web → shop through Service front  TCP 200 OK, reply  delivered",
		"  1  shop, eth0  +0 µs\n", "dnat  Service front  endpoint 1 of 1\n", "dnat to ", "Delivered.\n")
	if strings.ContainsAny(out, "\x1b") || strings.Contains(out, "DNS") {
		t.Errorf("colours, or what was not asked for:\n%q", out)
	}
	x.says([]string{"--verdict", "rejected,dropped", "--color=always"}, "\x1b[1;31mrejected\x1b[m", "Service default/nobody has no endpoints.", "Rejected here: the sender is told at once.")
	brief := x.says([]string{"--service", "front", "--brief"}, "TCP GET /one")
	for line := range strings.Lines(brief) {
		if strings.HasPrefix(line, " ") || !strings.Contains(line, " → ") {
			t.Errorf("%q is no journey", line)
		}
	}
}

// On a terminal there are colours, unless somebody minds, lines of its width, and no
// capture files.
func testTraceTerminal(t *testing.T, x *session) {
	on := func(env []string, args ...string) (said string, code int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		cmd := x.trace(ctx, args...)
		cmd.Env = append(cmd.Env, env...)
		terminal := must(pty.StartWithSize(cmd, &pty.Winsize{Cols: 60, Rows: 20}))
		defer terminal.Close()
		out, _ := io.ReadAll(terminal) // ends with EIO when the command does
		cmd.Wait()
		return string(out), cmd.ProcessState.ExitCode()
	}
	const colour = "\x1b[1;31mrejected\x1b[m"
	args := []string{"--to", "nobody", "--verdict", "rejected"}
	said, code := on([]string{"TERM=xterm", "NO_COLOR="}, args...)
	if code != 0 || !strings.Contains(said, colour) {
		t.Errorf("code %d, want %q: %q", code, colour, said)
	}
	for line := range strings.Lines(said) {
		if text := strings.TrimRight(escapes.ReplaceAllString(line, ""), "\r\n"); utf8.RuneCountInString(text) > 60 && strings.Contains(strings.TrimSpace(text), " ") {
			t.Errorf("wider than the terminal: %q", text)
		}
	}
	for _, env := range []string{"NO_COLOR=1", "TERM=dumb"} {
		if said, code := on([]string{"TERM=xterm", env}, args...); code != 0 || strings.Contains(said, "\x1b") || !strings.Contains(said, "rejected") {
			t.Errorf("%s: code %d: %q", env, code, said)
		}
	}
	if said, code := on(nil, "-o", "pcapng"); code != 2 || !strings.Contains(said, "-o pcapng is not for a terminal") {
		t.Errorf("code %d: %q", code, said)
	}
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;]*m")

func testTraceJSON(t *testing.T, x *session) {
	out := x.says([]string{"-o", "json", "--to", "nobody", "--verdict", "rejected"}, `"summary":"SYN"`)
	n := 0
	for line := range strings.Lines(out) {
		var got, want model.Journey
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		x.call("GET", x.path("/journeys/"+got.ID), nil, &want)
		if n++; got.From != "pod/default/shop" || string(must(json.Marshal(got))) != string(must(json.Marshal(want))) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
	}
	if n == 0 {
		t.Error("nothing")
	}
}

// What Wireshark shows of a session, a node, a link, a pod and one conversation.
func testTracePackets(t *testing.T, x *session) {
	file := filepath.Join(t.TempDir(), "x.pcapng")
	frames := func(args ...string) string {
		t.Helper()
		if _, errs, code := x.traces(append([]string{"-o", "pcapng", "-w", file}, args...)...); code != 0 {
			t.Fatalf("%q: %s", args, errs)
		}
		out, err := tshark(file, "frame.interface_name", "frame.interface_description", "tcp.flags.syn", "frame.comment")
		if err != nil || out == "" {
			t.Fatalf("tshark: %v", err)
		}
		return out
	}
	only := func(out string, wanted ...string) {
		t.Helper()
		for line := range strings.Lines(out) {
			ok := false
			for _, want := range wanted {
				ok = ok || strings.Contains(line, want)
			}
			if !ok {
				t.Errorf("%s is none of %q", line, wanted)
			}
		}
	}
	x.says([]string{"--from", "shop"}, "kube-proxy chose the only endpoint", "dnat to ", "has no endpoints")
	all := frames()
	for _, want := range []string{"node-1 eth0|", "node-2 eth0|", "underlay node-1|", "|to pod/default/shop eth0|", " SYN, delivered,", "kube-proxy chose the only endpoint of Service default/front", "meta l4proto tcp dnat to ", "Service default/nobody has no endpoints."} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	only(frames("--vertex", "node/node-2"), "node-2 ")
	link := frames("--vertex", "node/node-2", "--device", "eth0", "--to", "front")
	only(link, "node-2 eth0|to underlay node-2|")
	if !strings.Contains(link, ": SYN, delivered,") {
		t.Errorf("no frame says of which journey it is:\n%s", link)
	}
	only(frames("--vertex", "pod/default/shop"), "|to pod/default/shop eth0|")
	line, _, _ := strings.Cut(x.says([]string{"-o", "json", "--to", "nobody", "--verdict", "rejected"}, "{"), "\n")
	var syn model.Journey
	if err := json.Unmarshal([]byte(line), &syn); err != nil {
		t.Fatal(err)
	}
	if one := frames("--journey", syn.ID); strings.Count(one, "\n") != 1 || !strings.Contains(one, syn.ID+" of "+syn.Conversation) {
		t.Errorf("of %s:\n%s", syn.ID, one)
	}
}

// A recording says the same, without a session.
func testTraceRecording(t *testing.T, x *session) {
	args := []string{"--from", "shop", "--to", "front", "--protocol", "HTTP", "-o", "json"}
	live := x.says(args, `"summary":"GET /one"`)
	resp := must(http.Get(x.URL + x.path("/recording")))
	defer resp.Body.Close()
	file := filepath.Join(t.TempDir(), "x.podhop.json.gz")
	if err := os.WriteFile(file, must(io.ReadAll(resp.Body)), 0o644); err != nil || resp.StatusCode != 200 {
		t.Fatal(resp.Status, err)
	}
	out, errs, code := x.traces(append(args, "--recording", file)...)
	for line := range strings.Lines(live) {
		if code != 0 || !strings.Contains(out, line) {
			t.Errorf("code %d, %s: of the session, but not of its recording:\n%s\n%s", code, errs, line, out)
		}
	}
}

// Whoever follows has what pods do by themselves captured, and no longer when they stop.
func testTraceFollow(t *testing.T, x *session) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	file := filepath.Join(t.TempDir(), "live.pcapng")
	all := []*exec.Cmd{
		x.trace(ctx, "--follow", "--brief", "--to", "front", "--since", "0s"),
		x.trace(ctx, "--follow", "-o", "json", "--pod", "shop"),
		x.trace(ctx, "-f", "-o", "pcapng", "-w", file, "--from", "shop"),
	}
	var said, complained [3]lockedBuffer
	ended := make(chan int, len(all))
	for i, cmd := range all {
		cmd.Stdout, cmd.Stderr = &said[i], &complained[i]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() {
			cmd.Wait()
			ended <- i
		}()
	}
	until(t, 2*time.Minute, "all three tell of a request", func() string {
		if out, err := x.tryKubectl("", "exec", "shop", "--", "wget", "-q", "-O", "/dev/null", "http://front/by-itself"); err != nil {
			return out
		}
		for i := range 2 {
			if out := said[i].String(); !strings.Contains(out, "GET /by-itself") {
				return fmt.Sprintf("%q says\n%s%s", all[i].Args, out, complained[i].String())
			}
		}
		out, err := tshark(file, "frame.interface_name", "http.request.uri")
		if !strings.Contains(out, "node-2 eth0|/by-itself") {
			return fmt.Sprintf("tshark: %v: %s", err, out)
		}
		return ""
	})
	if out := said[0].String(); strings.Contains(out, "/one") {
		t.Errorf("it tells of what was before:\n%s", out)
	}
	// The first and the last are interrupted, the second sees the session end.
	end := func(which ...int) {
		t.Helper()
		for range which {
			select {
			case i := <-ended:
				if code := all[i].ProcessState.ExitCode(); code != 0 {
					t.Errorf("%q ended with %d: %s", all[i].Args, code, complained[i].String())
				}
			case <-time.After(2 * time.Minute):
				t.Fatalf("one of %d does not end", which)
			}
		}
	}
	all[0].Process.Signal(syscall.SIGINT)
	all[2].Process.Signal(syscall.SIGTERM)
	end(0, 2)
	if code := x.call("DELETE", x.path(""), nil, nil); code != 204 {
		t.Errorf("close the session: %d", code)
	}
	end(1)
	if errs := complained[1].String(); !strings.Contains(errs, "The session has ended.") {
		t.Errorf("it says: %s", errs)
	}
}
