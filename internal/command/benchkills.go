package command

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/internal/etcd"
)

// A benchServer is one of those that share the etcd.
type benchServer struct {
	name, url string
	cmd       *exec.Cmd
}

var announced = regexp.MustCompile(`http://[^\s]+`)

func (b *hostsBench) serve(name string) (*benchServer, error) {
	s := &benchServer{name: name, cmd: exec.Command("/proc/self/exe", "serve", "--listen", "127.0.0.1:0", "--listen-api", "127.0.0.1:0", "--data", filepath.Join(b.dir, name),
		"--images", b.images, "--store", b.url, "--host-name", name, "--advertise", "127.0.0.1:0", "--host-lease", benchLease, "--nodes", "1", "--max-sessions", "9")}
	said := &bytes.Buffer{}
	s.cmd.Stderr = said
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = b.start(s.cmd)
	}
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if s.url = strings.TrimSuffix(announced.FindString(lines.Text()), "/"); s.url != "" {
			go io.Copy(io.Discard, out)
			return s, nil
		}
	}
	return nil, fmt.Errorf("a server has ended: %s", said)
}

// kills ends one of two servers, as a machine does that loses its power, and counts until the
// other serves its session.
func (b *hostsBench) kills(ctx context.Context, rounds int) error {
	var servers [2]*benchServer
	var took []time.Duration
	id := ""
	for range rounds {
		for i, name := range []string{"a", "b"} {
			if servers[i] != nil {
				continue
			}
			s, err := b.serve(name)
			if err != nil {
				return err
			}
			servers[i] = s
		}
		if id == "" {
			var opened model.Session
			answer, err := http.Post(servers[0].url+"/api/sessions", "application/json", strings.NewReader("{}"))
			if err != nil {
				return err
			}
			err = json.NewDecoder(answer.Body).Decode(&opened)
			answer.Body.Close()
			if err != nil || opened.ID == "" {
				return fmt.Errorf("open a session: %s %v", answer.Status, err)
			}
			id = opened.ID
		}
		var had *benchServer
		for i, s := range servers {
			if owner, err := b.owner(ctx, id); err != nil {
				return err
			} else if owner == s.name {
				had, servers[i] = s, nil
			}
		}
		if had == nil {
			return errors.New("nobody has the session")
		}
		start := time.Now()
		if err := had.cmd.Process.Kill(); err != nil {
			return err
		}
		for _, s := range servers {
			if s == nil {
				continue
			}
			if err := b.served(ctx, s, id); err != nil {
				return err
			}
		}
		took = append(took, time.Since(start))
	}
	b.report(measurement{"kill -9 of a server to its session served again, lease " + benchLease + ", p50", quantile(took, 0.5) / 1000, "s", ""})
	b.report(measurement{"the longest", quantile(took, 1) / 1000, "s", ""})
	return nil
}

func (b *hostsBench) owner(ctx context.Context, id string) (name string, err error) {
	got, err := b.client.Get(ctx, clusterPrefix+"places/"+id)
	if err != nil || len(got.Kvs) == 0 {
		return "", etcd.Plain(err)
	}
	name, _, _ = strings.Cut(string(got.Kvs[0].Value), ".")
	return name, nil
}

// served waits until a server serves a session that was another's.
func (b *hostsBench) served(ctx context.Context, s *benchServer, id string) error {
	client := http.Client{Timeout: 10 * time.Second}
	last := ""
	for end := time.Now().Add(benchPatience); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		answer, err := client.Get(s.url + "/api/sessions/" + id)
		if err != nil {
			last = err.Error()
			continue
		}
		answer.Body.Close()
		if last = answer.Status; answer.StatusCode != http.StatusOK {
			continue
		}
		if owner, err := b.owner(ctx, id); err != nil || owner == s.name {
			return err
		}
	}
	return fmt.Errorf("the session is not served again: %s", last)
}
