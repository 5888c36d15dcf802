package nsexec

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
)

// An IDMap maps Size ids from Inner on, inside a user namespace, to those from
// Outer on in its parent. User and group ids are mapped alike.
type IDMap struct {
	Inner int `json:"inner"`
	Outer int `json:"outer"`
	Size  int `json:"size"`
}

const (
	// rootBase is where root's range begins: above what adduser hands out to
	// people's subuids (100000 on), within what systemd leaves to containers.
	rootBase = 1 << 24
	// rootSize is 4096 sessions of 65536 ids.
	rootSize = 1 << 28
)

// chooseIDs finds the largest mapping this user may have, and whether
// newuidmap and newgidmap must write it.
func chooseIDs() (ids []IDMap, helpers bool, err error) {
	if os.Geteuid() == 0 {
		f, err := os.Open("/proc/self/uid_map")
		if err != nil {
			return nil, false, err
		}
		defer f.Close()
		have, err := parseMap(f)
		if err != nil {
			return nil, false, err
		}
		return rootIDs(have), false, nil
	}
	single := []IDMap{{Inner: 0, Outer: os.Getuid(), Size: 1}}
	if _, err := exec.LookPath("newuidmap"); err != nil {
		return single, false, nil
	}
	if _, err := exec.LookPath("newgidmap"); err != nil {
		return single, false, nil
	}
	uids, gids := subIDs("/etc/subuid", os.Getuid()), subIDs("/etc/subgid", os.Getuid())
	if n := min(uids.Size, gids.Size); n > 0 {
		return []IDMap{single[0], {Inner: 1, Outer: uids.Outer, Size: n}}, true, nil
	}
	return single, false, nil
}

// rootIDs keeps root as root and adds a range high up; where root itself sees
// only a small range (a container with remapped users), all the rest of it.
func rootIDs(have []IDMap) []IDMap {
	ids := []IDMap{{Inner: 0, Outer: 0, Size: 1}}
	for _, h := range have {
		if h.Inner+h.Size >= rootBase+rootSize && h.Inner <= rootBase {
			return append(ids, IDMap{Inner: 1, Outer: rootBase, Size: rootSize})
		}
	}
	var best IDMap
	for _, h := range have {
		if h.Inner == 0 {
			h.Inner, h.Size = 1, h.Size-1
		}
		if h.Size > best.Size {
			best = h
		}
	}
	if best.Size > 0 {
		ids = append(ids, IDMap{Inner: 1, Outer: best.Inner, Size: best.Size})
	}
	return ids
}

// Remapped tells whether this process is in a user namespace whose root is somebody else outside:
// a container's, as rootless engines and Kubernetes' hostUsers: false make them.
func Remapped() bool {
	f, err := os.Open("/proc/self/uid_map")
	if err != nil {
		return false
	}
	defer f.Close()
	have, err := parseMap(f)
	return err == nil && remapped(have)
}

func remapped(have []IDMap) bool {
	for _, h := range have {
		if h.Inner == 0 && h.Outer == 0 && h.Size > 1 {
			return false
		}
	}
	return true
}

// parseMap reads the format of /proc/PID/uid_map (user_namespaces(7)).
func parseMap(r io.Reader) ([]IDMap, error) {
	var out []IDMap
	for s := bufio.NewScanner(r); s.Scan(); {
		var m IDMap
		if _, err := fmt.Sscan(s.Text(), &m.Inner, &m.Outer, &m.Size); err != nil {
			return nil, fmt.Errorf("id map %q: %w", s.Text(), err)
		}
		out = append(out, m)
	}
	return out, nil
}

// subIDs finds the user's largest range in /etc/subuid or /etc/subgid (subuid(5)).
func subIDs(file string, uid int) IDMap {
	f, err := os.Open(file)
	if err != nil {
		return IDMap{}
	}
	defer f.Close()
	name := ""
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		name = u.Username
	}
	return parseSubIDs(f, name, strconv.Itoa(uid))
}

func parseSubIDs(r io.Reader, names ...string) IDMap {
	var best IDMap
	for s := bufio.NewScanner(r); s.Scan(); {
		f := strings.Split(strings.TrimSpace(s.Text()), ":")
		if len(f) != 3 || f[0] == "" || (f[0] != names[0] && f[0] != names[len(names)-1]) {
			continue
		}
		start, err1 := strconv.Atoi(f[1])
		size, err2 := strconv.Atoi(f[2])
		if err1 == nil && err2 == nil && size > best.Size {
			best = IDMap{Inner: 1, Outer: start, Size: size}
		}
	}
	return best
}

// mapWithHelpers lets the set-uid helpers write a child's maps.
func mapWithHelpers(pid int, ids []IDMap) error {
	gids := make([]IDMap, len(ids))
	copy(gids, ids)
	gids[0].Outer = os.Getgid()
	if len(gids) > 1 {
		gids[1].Outer = subIDs("/etc/subgid", os.Getuid()).Outer
	}
	for _, h := range []struct {
		tool string
		ids  []IDMap
	}{{"newuidmap", ids}, {"newgidmap", gids}} {
		args := []string{strconv.Itoa(pid)}
		for _, m := range h.ids {
			args = append(args, strconv.Itoa(m.Inner), strconv.Itoa(m.Outer), strconv.Itoa(m.Size))
		}
		if out, err := exec.Command(h.tool, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", h.tool, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// sysMaps is what package syscall wants; own stands in for the first outer id,
// because a user and its group may differ in number.
func sysMaps(ids []IDMap, own int) []syscall.SysProcIDMap {
	out := make([]syscall.SysProcIDMap, len(ids))
	for i, m := range ids {
		out[i] = syscall.SysProcIDMap{ContainerID: m.Inner, HostID: m.Outer, Size: m.Size}
	}
	if os.Geteuid() != 0 && len(out) > 0 {
		out[0].HostID = own
	}
	return out
}

func mapText(ids []IDMap) []byte {
	var b []byte
	for _, m := range ids {
		b = fmt.Appendf(b, "%d %d %d\n", m.Inner, m.Outer, m.Size)
	}
	return b
}

func countIDs(ids []IDMap) int {
	n := 0
	for _, m := range ids {
		n += m.Size
	}
	return n
}
