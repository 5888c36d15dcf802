package node

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// manifests is where a node's static pods are written, on its disk.
const manifests = "etc/kubernetes/manifests"

// disk is the folder that pods see as the node's file system (hostPath). What is
// there may be theirs, so it is reached by no link that leads out of it.
func disk(root string) string { return filepath.Join(root, "hostfs") }

// furnish puts on the node's disk what every machine has; what is there already stays.
func furnish(cfg Config) error {
	root, err := os.OpenRoot(disk(cfg.Root))
	if err != nil {
		return err
	}
	defer root.Close()
	// A pod that ran here before may have put something else there: that is then its own.
	if err := root.MkdirAll(manifests, 0o755); err != nil {
		cfg.Logger.Warn("the node has no folder for static pods", "node", cfg.Name, "err", err)
	}
	for name, text := range map[string]string{
		"etc/hostname": cfg.Name + "\n",
		"etc/hosts":    hosts(cfg.Name, cfg.IP, cfg.IP6),
	} {
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			_, err = f.WriteString(text)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			cfg.Logger.Warn("the node's disk", "node", cfg.Name, "err", err)
		}
	}
	return nil
}

// hosts is hosts(5) of a machine.
func hosts(name string, ips ...netip.Addr) string {
	var b strings.Builder
	b.WriteString("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
	for _, ip := range ips {
		if ip.IsValid() {
			fmt.Fprintf(&b, "%s\t%s\n", ip, name)
		}
	}
	return b.String()
}
