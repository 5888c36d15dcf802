package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/podhop/podhop/engine/model"
	"github.com/podhop/podhop/engine/network"
	"github.com/podhop/podhop/internal/nsexec"
)

const (
	// lookTimeout bounds one look: a ruleset of a thousand Services takes a second.
	lookTimeout = 10 * time.Second
	// maxLook is how many bytes of a look are answered.
	maxLook = 1 << 20
)

// A look is something to see in a network namespace, and the command that shows it.
type look struct {
	at      string
	command []string
}

// looks are all read-only.
func looks() []look {
	return []look{
		{"addr", []string{"ip", "addr"}},
		{"route", []string{"ip", "route"}},
		{"route6", []string{"ip", "-6", "route"}},
		{"neigh", []string{"ip", "neigh"}},
		{"link", []string{"ip", "-details", "link"}},
		{"fdb", []string{"bridge", "fdb"}},
		{"nft", []string{"nft", "list", "ruleset"}},
		{"conntrack", []string{"conntrack", "-L"}},
		{"ss", []string{"ss", "-tuna"}},
		{"cni", []string{"cat", network.ConflistPath}},
	}
}

// LookAtNode answers what the kernel says inside a node's network namespace, by the
// tools that every machine has, in their own words. node may also be the client or
// the underlay. It fails with model.ErrNotFound if there is no such node, with
// model.ErrConflict if it is switched off, with a *model.FieldError for anything
// else to look at. While somebody watches the session, `nft` shows the table
// podhop-trace, too, by which packets are watched.
func (s *Session) LookAtNode(ctx context.Context, node, at string) (string, error) {
	var names []string
	for _, l := range looks() {
		if l.at == at {
			return s.look(ctx, node, l)
		}
		names = append(names, l.at)
	}
	return "", &model.FieldError{Field: "at", Detail: "must be " + strings.Join(names, ", ")}
}

func (s *Session) look(ctx context.Context, node string, l look) (string, error) {
	ns, err := s.place(node)
	if err != nil {
		return "", err
	}
	if l.at == "cni" {
		return s.conflist(node)
	}
	// A look is a process or two: a hundred viewers take turns.
	select {
	case s.engine.looking <- struct{}{}:
		defer func() { <-s.engine.looking }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return run(ctx, ns, l.command)
}

// place is the namespace to look into.
func (s *Session) place(node string) (*nsexec.NetNS, error) {
	switch node {
	case network.VertexClient:
		return s.network.Client(), nil
	case network.VertexUnderlay:
		return s.network.Underlay(), nil
	}
	if _, err := s.node(node); err != nil {
		return nil, err
	}
	if ns := s.network.Node(node); ns != nil {
		return ns, nil
	}
	return nil, fmt.Errorf("%w: %s is switched off", model.ErrConflict, node)
}

// conflist reads from a machine's disk how its pods are joined.
func (s *Session) conflist(node string) (string, error) {
	m := s.nodes.find(node)
	if m == nil {
		return "", &model.FieldError{Field: "at", Detail: "must not be cni: the " + node + " has no pods to join"}
	}
	text, err := os.ReadFile(filepath.Join(s.root(m), network.ConflistPath))
	return string(text), err
}

// run runs a command in a namespace and returns what it prints, also what it complains of.
func run(ctx context.Context, ns *nsexec.NetNS, command []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.WaitDelay = time.Second
	cmd.Env = []string{"PATH=" + os.Getenv("PATH") + ":/usr/sbin:/sbin", "LC_ALL=C"}
	out := &bounded{left: maxLook}
	cmd.Stdout, cmd.Stderr = out, out
	if err := ns.Do(cmd.Start); err != nil {
		return "", fmt.Errorf("%s: %w", command[0], err)
	}
	err := cmd.Wait()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if exit := new(exec.ExitError); errors.As(err, &exit) && out.text.Len() > 0 {
		return out.text.String(), nil // it has said what is wrong
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", strings.Join(command, " "), err)
	}
	if out.left < 0 {
		fmt.Fprintf(&out.text, "\n... and more: %d bytes are shown.\n", maxLook)
	}
	return out.text.String(), nil
}

// bounded keeps the beginning of what is written.
type bounded struct {
	text bytes.Buffer // not embedded: its ReadFrom knows no bound
	left int          // below zero: something was left out
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left >= 0 {
		b.text.Write(p[:min(len(p), b.left)])
		b.left -= len(p)
	}
	return len(p), nil
}
