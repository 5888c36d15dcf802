package container

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// account is a line of passwd.
type account struct {
	name     string
	uid, gid int64
	home     string
}

// accounts reads a root file system's users and groups; missing files are
// empty, as for an image of one program.
type accounts struct {
	users  []account
	groups []groupLine
}

type groupLine struct {
	name    string
	gid     int64
	members []string
}

func readAccounts(root *os.Root) accounts {
	var a accounts
	if f, err := root.Open("etc/passwd"); err == nil {
		a.users = parsePasswd(f)
		f.Close()
	}
	if f, err := root.Open("etc/group"); err == nil {
		a.groups = parseGroup(f)
		f.Close()
	}
	return a
}

func parsePasswd(r io.Reader) (out []account) {
	for s := bufio.NewScanner(r); s.Scan(); {
		f := strings.Split(s.Text(), ":")
		if len(f) < 6 {
			continue
		}
		uid, err1 := strconv.ParseInt(f[2], 10, 32)
		gid, err2 := strconv.ParseInt(f[3], 10, 32)
		if err1 == nil && err2 == nil {
			out = append(out, account{name: f[0], uid: uid, gid: gid, home: f[5]})
		}
	}
	return out
}

func parseGroup(r io.Reader) (out []groupLine) {
	for s := bufio.NewScanner(r); s.Scan(); {
		f := strings.Split(s.Text(), ":")
		if len(f) < 4 {
			continue
		}
		if gid, err := strconv.ParseInt(f[2], 10, 32); err == nil {
			out = append(out, groupLine{name: f[0], gid: gid, members: strings.Split(f[3], ",")})
		}
	}
	return out
}

// resolve finds who a process runs as, from what was asked for and the image's
// own USER ("", "name", "uid", "name:group", "uid:gid"), as containerd does.
func (a accounts) resolve(want User, imageUser string) (user specs.User, home string, err error) {
	name, group, _ := strings.Cut(imageUser, ":")
	switch {
	case want.UID != nil:
		name, group = strconv.FormatInt(*want.UID, 10), ""
	case want.Name != "":
		name, group, _ = strings.Cut(want.Name, ":")
	}
	who := account{name: "root", home: "/root"}
	found := true
	if name != "" && name != "0" {
		if who, found = a.user(name); !found {
			uid, err := strconv.ParseInt(name, 10, 32)
			if err != nil {
				return user, "", fmt.Errorf("unable to find user %s: no matching entries in passwd file", name)
			}
			who = account{uid: uid, home: "/"}
		}
	} else if root, ok := a.user("0"); ok {
		who = root
	}
	if group != "" {
		if who.gid, err = a.group(group); err != nil {
			return user, "", err
		}
	}
	if want.GID != nil {
		who.gid = *want.GID
	}
	user.UID, user.GID = uint32(who.uid), uint32(who.gid)
	groups := []uint32{}
	add := func(gid int64) {
		if !slices.Contains(groups, uint32(gid)) {
			groups = append(groups, uint32(gid))
		}
	}
	add(who.gid)
	if found && !want.StrictGroups {
		for _, g := range a.groups {
			if who.name != "" && slices.Contains(g.members, who.name) {
				add(g.gid)
			}
		}
	}
	for _, gid := range want.Groups {
		add(gid)
	}
	user.AdditionalGids = groups
	return user, who.home, nil
}

// user finds by name or number.
func (a accounts) user(name string) (account, bool) {
	for _, u := range a.users {
		if u.name == name || strconv.FormatInt(u.uid, 10) == name {
			return u, true
		}
	}
	return account{}, false
}

func (a accounts) group(name string) (int64, error) {
	for _, g := range a.groups {
		if g.name == name {
			return g.gid, nil
		}
	}
	gid, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("unable to find group %s: no matching entries in group file", name)
	}
	return gid, nil
}
