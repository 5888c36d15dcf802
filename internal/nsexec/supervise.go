package nsexec

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// envInside marks the re-executed process and carries what it must know, as JSON.
	envInside = "PODHOP_NSEXEC"
	// envWait names the descriptor on which the re-executed process waits until
	// newuidmap and newgidmap have written its maps.
	envWait = "PODHOP_NSEXEC_WAIT"

	// openFiles is what a server of hundreds of sessions needs: each pod's
	// namespace is a descriptor.
	openFiles = 1 << 20
)

// ErrNoNamespaces says that the kernel or a sandbox around us refuses to make
// the namespaces that everything here rests on.
var ErrNoNamespaces = errors.New("cannot create namespaces")

// SuperviseConfig says what to run inside and what to hand over.
type SuperviseConfig struct {
	// Args are the program's arguments without its name; nil means os.Args[1:].
	Args []string
	// Env is added to this process' environment.
	Env []string
	// Listeners are TCP addresses to open here, on the host's network, and to
	// hand over by name: Listener finds them inside.
	Listeners map[string]string
	// Listening, if not nil, is told the address that each listener really got.
	Listening func(name string, addr net.Addr)
	// Reach says what DialOutside reaches, by what it is for. What is for nothing of these
	// reaches nothing.
	Reach map[string]Reach
	// Warn, if not nil, is told what could not be had and does not stop us.
	Warn func(error)
	// IDs is the mapping to ask for; nil chooses the largest that this user may have.
	IDs []IDMap
	// As, if not nil and root supervises, is who the process inside is out here, and who the
	// supervisor becomes once it has started it.
	As *User
}

// inside is what the supervisor tells the re-executed process.
type inside struct {
	Listeners map[string]int `json:"listeners,omitempty"` // name -> descriptor
	Outside   int            `json:"outside"`             // takes DialOutside's requests
	Life      int            `json:"life"`                // reads EOF when the supervisor has died
	IDs       []IDMap        `json:"ids"`
	Rootless  bool           `json:"rootless"`
	// OwnCgroups says that the process has a cgroup namespace, in which it mounts its groups.
	OwnCgroups bool `json:"ownCgroups,omitempty"`
}

// A parcel is what the supervisor hands over: descriptors, and what they are.
type parcel struct {
	inside
	files []*os.File
}

// hand adds a file, and returns the number it will have.
func (p *parcel) hand(f *os.File) int {
	p.files = append(p.files, f)
	return 2 + len(p.files)
}

func (p *parcel) listen(name, addr string) (net.Addr, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", name, err)
	}
	defer l.Close() // File is a copy
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", name, err)
	}
	p.Listeners[name] = p.hand(f)
	return l.Addr(), nil
}

func (p *parcel) close() {
	for _, f := range p.files {
		f.Close()
	}
	p.files = nil
}

// Supervise runs this program again inside namespaces of its own, forwards
// signals to it, and returns its exit code once it is gone. When the supervisor
// dies, even by SIGKILL, the kernel kills the process inside, and with it its
// pid namespace: nothing is left. It blocks, and may be called once.
func Supervise(cfg SuperviseConfig) (exitCode int, err error) {
	raiseOpenFiles()
	ids, helpers := cfg.IDs, false
	if ids == nil {
		if ids, helpers, err = chooseIDs(); err != nil {
			return 1, err
		}
	}
	as := cfg.As
	if os.Geteuid() != 0 || as != nil && as.UID == 0 {
		as = nil
	}
	if as != nil {
		if err := giveGroups(*as); err != nil && cfg.Warn != nil {
			cfg.Warn(err)
		}
		ids = idsAs(ids, *as)
	}
	p := parcel{inside: inside{Listeners: map[string]int{}, IDs: ids, Rootless: os.Geteuid() != 0 || as != nil, OwnCgroups: as != nil || wantOwnCgroups(cgroupRoot, "/proc/self/cgroup")}}
	defer p.close()
	// The write end lives as long as we do, and is nobody else's.
	life, lifeW, err := os.Pipe()
	if err != nil {
		return 1, err
	}
	defer lifeW.Close()
	p.Life = p.hand(life)
	requests, asker, err := outsidePair()
	if err != nil {
		return 1, err
	}
	defer requests.Close()
	p.Outside = p.hand(asker)
	for name, addr := range cfg.Listeners {
		got, err := p.listen(name, addr)
		if err != nil {
			return 1, err
		}
		if cfg.Listening != nil {
			cfg.Listening(name, got)
		}
	}
	state, err := json.Marshal(p.inside)
	if err != nil {
		return 1, err
	}

	args := cfg.Args
	if args == nil {
		args = os.Args[1:]
	}
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(append(os.Environ(), cfg.Env...), envInside+"="+string(state))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID |
			syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		Pdeathsig: syscall.SIGKILL,
		// A terminal's ^C must reach the server once, through us.
		Setpgid: true,
	}
	if p.OwnCgroups {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWCGROUP
	}
	var goAhead *os.File
	if helpers {
		var wait *os.File
		if wait, goAhead, err = os.Pipe(); err != nil {
			return 1, err
		}
		defer goAhead.Close()
		cmd.Env = append(cmd.Env, envWait+"="+strconv.Itoa(p.hand(wait)))
	} else {
		cmd.SysProcAttr.UidMappings = sysMaps(ids, os.Getuid())
		cmd.SysProcAttr.GidMappings = sysMaps(ids, os.Getgid())
		if as != nil {
			cmd.SysProcAttr.GidMappings[0].HostID = as.GID
		}
		// An ordinary user may write a gid map only after giving up setgroups.
		// An outer namespace may have given it up before us.
		denied, _ := os.ReadFile("/proc/self/setgroups")
		cmd.SysProcAttr.GidMappingsEnableSetgroups = os.Geteuid() == 0 && string(denied) != "deny\n"
		if as != nil { // root inside, who is not root here
			cmd.SysProcAttr.Credential = &syscall.Credential{NoSetGroups: !cmd.SysProcAttr.GidMappingsEnableSetgroups}
		}
	}
	cmd.ExtraFiles = p.files

	// The parent death signal is sent when the thread that forked exits, not the
	// process (go.dev/issue/27505): stay on this one.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(signals)

	if err := cmd.Start(); err != nil {
		return 1, fmt.Errorf("%w (%v): %s", ErrNoNamespaces, err, hint())
	}
	if helpers {
		if err := mapWithHelpers(cmd.Process.Pid, ids); err != nil {
			cmd.Process.Kill()
			cmd.Wait()
			return 1, err
		}
		if _, err := goAhead.Write([]byte{1}); err != nil {
			return 1, err
		}
	}
	if as != nil {
		if err := become(*as); err != nil {
			cmd.Process.Kill()
			cmd.Wait()
			return 1, err
		}
	}
	p.close() // a listener that the server closes must be closed
	go serveOutside(requests, cfg.Reach)
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case s := <-signals:
			cmd.Process.Signal(s)
		case err := <-done:
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				if ws := exit.Sys().(syscall.WaitStatus); ws.Signaled() {
					return 128 + int(ws.Signal()), nil
				}
				return exit.ExitCode(), nil
			}
			return 0, err
		}
	}
}

// raiseOpenFiles raises the hard limit where we may (real root); the process
// inside cannot, and takes the hard limit as its soft one by itself.
func raiseOpenFiles() {
	var lim syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim) != nil || lim.Max >= openFiles {
		return
	}
	lim.Max = openFiles
	_ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &lim) // not ours to raise: Environment.OpenFiles says what there is
}

func hint() string {
	if b, err := os.ReadFile("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"); err == nil && len(b) > 0 && b[0] == '1' {
		return "this system lets no ordinary program make user namespaces (kernel.apparmor_restrict_unprivileged_userns=1)"
	}
	if b, err := os.ReadFile("/proc/sys/user/max_user_namespaces"); err == nil && string(b) == "0\n" {
		return "user namespaces are switched off (user.max_user_namespaces=0)"
	}
	if n, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); err == nil && n == 2 {
		return "in a container, run it with --security-opt seccomp=unconfined --security-opt systempaths=unconfined"
	}
	return "user, mount, pid and network namespaces are needed"
}
