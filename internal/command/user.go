package command

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/podhop/podhop/internal/nsexec"
)

// findUser reads the flag --user: a name, or numbers as UID or UID:GID. The group is the user's
// own, or has the user's number.
func findUser(text string) (nsexec.User, error) {
	if u, err := user.Lookup(text); err == nil {
		text = u.Uid + ":" + u.Gid
	}
	uid, gid, both := strings.Cut(text, ":")
	if !both { // who has no name here may have no group either
		gid = uid
	}
	// Half of the numbers: the highest means none (setreuid(2)), and nobody has such.
	u, err1 := strconv.ParseUint(uid, 10, 31)
	g, err2 := strconv.ParseUint(gid, 10, 31)
	if err1 != nil || err2 != nil {
		return nsexec.User{}, fmt.Errorf("--user %s: there is no such user, and it is no UID or UID:GID", text)
	}
	return nsexec.User{UID: int(u), GID: int(g)}, nil
}

// supervisedAs has the process inside be somebody else than root, to whom the data folder is
// given over. Who is not root stays who they are, and so does a container's root who is nobody's
// root outside: the few ids that are mapped there are for the sessions.
func (c *serveConfig) supervisedAs(outside *nsexec.SuperviseConfig, log *slog.Logger) error {
	if c.user == "" || os.Geteuid() != 0 || nsexec.Remapped() {
		return nil
	}
	as, err := findUser(c.user)
	if err != nil {
		return err
	}
	if err := giveOver(c.engine.Data, as); err != nil {
		return fmt.Errorf("--user %s: the data folder: %w", c.user, err)
	}
	outside.As = &as
	outside.Warn = func(err error) { log.Warn("the server's user", "user", c.user, "err", err) }
	return nil
}

// giveOver makes a folder with all in it somebody's, unless it is. The folder itself comes last:
// what was cut off is done again.
func giveOver(folder string, to nsexec.User) error {
	has := func(info fs.FileInfo) bool {
		st, ok := info.Sys().(*syscall.Stat_t)
		return ok && int(st.Uid) == to.UID && int(st.Gid) == to.GID
	}
	info, err := os.Stat(folder)
	if err != nil || has(info) {
		return err
	}
	if err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		info, err := d.Info()
		if err != nil || has(info) {
			return err
		}
		return os.Lchown(path, to.UID, to.GID)
	}); err != nil {
		return err
	}
	return os.Chown(folder, to.UID, to.GID)
}
