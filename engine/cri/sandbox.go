package cri

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/podhop/podhop/internal/nsexec"
)

// A sandbox is a pod's namespaces and the files that all its containers share.
type sandbox struct {
	id        string
	config    *runtimeapi.PodSandboxConfig
	handler   string
	createdAt time.Time
	host      bool // in the node's network
	dir       string
	hostname  string
	pause     Container // nil without a shared process namespace

	// Under Runtime.mu.
	ready  bool
	attach Attachment
	spent  time.Duration // CPU time of containers that are removed
}

func (s *sandbox) uid() string { return s.config.GetMetadata().GetUid() }

func (s *sandbox) namespaces() *runtimeapi.NamespaceOption {
	if o := s.config.GetLinux().GetSecurityContext().GetNamespaceOptions(); o != nil {
		return o
	}
	return &runtimeapi.NamespaceOption{}
}

// RunPodSandbox makes a pod's namespaces and joins them to the network.
func (r *Runtime) RunPodSandbox(ctx context.Context, config *runtimeapi.PodSandboxConfig, handler string) (string, error) {
	leave, err := r.enter()
	if err != nil {
		return "", err
	}
	defer leave()
	if handler != "" && handler != r.cfg.Name {
		return "", fmt.Errorf("no runtime for %q is configured", handler)
	}
	s := &sandbox{id: newID(), config: config, handler: handler, createdAt: time.Now(), hostname: config.GetHostname(), ready: true}
	ns := s.namespaces()
	if err := refuseHostNamespaces(ns); err != nil {
		return "", err
	}
	if err := r.afford(ctx, sandboxCost, config.GetMetadata()); err != nil {
		return "", err
	}
	s.host = ns.Network == runtimeapi.NamespaceMode_NODE
	if s.hostname == "" { // in the node's network
		s.hostname = r.cfg.Node
	}
	s.dir = filepath.Join(r.cfg.Root, "sandboxes", s.id)
	if err := s.writeFiles(); err != nil {
		return "", fmt.Errorf("sandbox's files: %w", err)
	}
	m := config.GetMetadata()
	ports, err := hostPorts(config.GetPortMappings())
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(s.dir))
	}
	s.attach, err = r.cfg.Network.Attach(ctx, Pod{
		ID: s.id, Namespace: m.GetNamespace(), Name: m.GetName(), UID: m.GetUid(), Hostname: s.hostname,
		HostNetwork: s.host,
		DNS:         DNS{config.GetDnsConfig().GetServers(), config.GetDnsConfig().GetSearches(), config.GetDnsConfig().GetOptions()},
		Ports:       ports,
	})
	if err != nil {
		return "", errors.Join(fmt.Errorf("failed to setup network for sandbox %q: %w", s.id, err), os.RemoveAll(s.dir))
	}
	if ns := s.attach.HostNetwork; ns != nil {
		// Elsewhere root in a pod of the node's network is root of the node, too.
		err := ns.Do(func() error { return nsexec.Sysctl("net/ipv4/ip_unprivileged_port_start", "0") })
		if err != nil {
			r.log.Warn("pods in the node's network cannot listen below port 1024", "node", r.cfg.Node, "err", err)
		}
	}
	if err := r.startPause(ctx, s); err != nil {
		return "", errors.Join(err, r.cfg.Network.Detach(context.WithoutCancel(ctx), s.id), os.RemoveAll(s.dir))
	}
	r.mu.Lock()
	closed := r.closed
	if !closed {
		r.sandboxes[s.id] = s
	}
	r.mu.Unlock()
	if closed {
		return "", errors.Join(ErrClosed, s.removePause(), r.cfg.Network.Detach(context.WithoutCancel(ctx), s.id), os.RemoveAll(s.dir))
	}
	r.notify(s.uid())
	return s.id, nil
}

// hostPorts are the mappings that are for a node's port; the kubelet tells all.
func hostPorts(mappings []*runtimeapi.PortMapping) (ports []HostPort, err error) {
	for _, m := range mappings {
		if m.HostPort <= 0 || m.HostPort > math.MaxUint16 || m.ContainerPort <= 0 || m.ContainerPort > math.MaxUint16 {
			continue
		}
		p := HostPort{Protocol: strings.ToLower(m.Protocol.String()), HostPort: uint16(m.HostPort), Port: uint16(m.ContainerPort)}
		if m.HostIp != "" {
			if p.HostIP, err = netip.ParseAddr(m.HostIp); err != nil {
				return nil, fmt.Errorf("host port %d: %w", m.HostPort, err)
			}
		}
		ports = append(ports, p)
	}
	return ports, nil
}

// StopPodSandbox kills what runs in it and gives its addresses back.
func (r *Runtime) StopPodSandbox(ctx context.Context, id string) error {
	r.mu.Lock()
	s, containers := r.sandboxes[id], r.of(id)
	ready := s != nil && s.ready
	r.mu.Unlock()
	if s == nil {
		return nil // as the protocol wants it
	}
	if ready {
		if err := r.afford(ctx, endCost, s.config.GetMetadata()); err != nil {
			return err
		}
	}
	for _, c := range containers {
		if err := c.Stop(ctx, 0); err != nil {
			return err
		}
	}
	if err := s.removePause(); err != nil {
		return fmt.Errorf("failed to stop sandbox container %q: %w", id, err)
	}
	if err := r.cfg.Network.Detach(ctx, id); err != nil {
		return fmt.Errorf("failed to tear down network for sandbox %q: %w", id, err)
	}
	r.ended(s)
	return nil
}

// RemovePodSandbox removes it, with its containers.
func (r *Runtime) RemovePodSandbox(ctx context.Context, id string) error {
	if err := r.StopPodSandbox(ctx, id); err != nil {
		return err
	}
	r.mu.Lock()
	s, containers := r.sandboxes[id], r.of(id)
	r.mu.Unlock()
	if s == nil {
		return nil
	}
	for _, c := range containers {
		if err := r.RemoveContainer(ctx, c.id); err != nil {
			return err
		}
	}
	r.mu.Lock()
	if r.sandboxes[id] == s {
		r.spent += s.spent
	}
	delete(r.sandboxes, id)
	r.mu.Unlock()
	r.notify(s.uid())
	return os.RemoveAll(s.dir)
}

// of answers the containers of a sandbox; r.mu is held.
func (r *Runtime) of(sandbox string) []*member {
	var ms []*member
	for _, m := range r.members {
		if m.sandbox.id == sandbox {
			ms = append(ms, m)
		}
	}
	return ms
}

// PodSandboxStatus is what the kubelet takes the pod's IPs from.
func (r *Runtime) PodSandboxStatus(_ context.Context, id string, _ bool) (*runtimeapi.PodSandboxStatusResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sandboxes[id]
	if s == nil {
		return nil, notFound("sandbox", id)
	}
	st := &runtimeapi.PodSandboxStatus{
		Id: s.id, Metadata: s.config.Metadata, State: s.state(), CreatedAt: s.createdAt.UnixNano(),
		Network: &runtimeapi.PodSandboxNetworkStatus{},
		Linux:   &runtimeapi.LinuxPodSandboxStatus{Namespaces: &runtimeapi.Namespace{Options: s.namespaces()}},
		Labels:  maps.Clone(s.config.Labels), Annotations: maps.Clone(s.config.Annotations), RuntimeHandler: s.handler,
	}
	if !s.host {
		for i, ip := range s.attach.IPs {
			if i == 0 {
				st.Network.Ip = ip.String()
				continue
			}
			st.Network.AdditionalIps = append(st.Network.AdditionalIps, &runtimeapi.PodIP{Ip: ip.String()})
		}
	}
	return &runtimeapi.PodSandboxStatusResponse{Status: st, Timestamp: time.Now().UnixNano()}, nil
}

func (s *sandbox) state() runtimeapi.PodSandboxState {
	if s.ready {
		return runtimeapi.PodSandboxState_SANDBOX_READY
	}
	return runtimeapi.PodSandboxState_SANDBOX_NOTREADY
}

// ListPodSandbox lists those that the filter lets pass.
func (r *Runtime) ListPodSandbox(_ context.Context, f *runtimeapi.PodSandboxFilter) ([]*runtimeapi.PodSandbox, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*runtimeapi.PodSandbox
	for id, s := range r.sandboxes {
		if f.GetId() != "" && f.Id != id || f.GetState() != nil && f.State.State != s.state() || !selects(f.GetLabelSelector(), s.config.Labels) {
			continue
		}
		out = append(out, &runtimeapi.PodSandbox{
			Id: id, Metadata: s.config.Metadata, State: s.state(), CreatedAt: s.createdAt.UnixNano(),
			Labels: maps.Clone(s.config.Labels), Annotations: maps.Clone(s.config.Annotations), RuntimeHandler: s.handler,
		})
	}
	return out, nil
}

func selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return true
}
