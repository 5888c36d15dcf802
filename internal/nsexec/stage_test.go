package nsexec

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

const envStage = "PODHOP_NSEXEC_TEST"

// MainOrStage lets the test binary be a supervisor of its own for the tests
// below; otherwise it is TestMain.
func MainOrStage(m *testing.M) {
	stage := os.Getenv(envStage)
	if stage == "" {
		TestMain(m)
	}
	if !Inside() {
		if stage == "read-only groups" {
			if err := readOnlyCgroups(); err != nil {
				fmt.Println("read-only groups:", err)
				os.Exit(1)
			}
		}
		code, err := Supervise(SuperviseConfig{
			Listeners: map[string]string{"http": "127.0.0.1:0"},
			Listening: func(name string, a net.Addr) { fmt.Println(name, a) },

			Reach: map[string]Reach{"public": {Public: true}, "host": {Within: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}},

			As: map[string]*User{"another user": {UID: 7, GID: 8}}[stage], Warn: func(err error) { fmt.Fprintln(os.Stderr, err) },
		})
		if err != nil {
			fmt.Println("supervise:", err)
		}
		os.Exit(code)
	}
	env, err := Enter()
	if err != nil {
		fmt.Println("enter:", err)
		os.Exit(1)
	}
	os.Exit(env.Run(serveStage))
}

// serveStage leaves a grandchild behind and answers on the inherited listener
// with its exit code to come.
func serveStage() int {
	l, err := Listener("http")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if out, err := exec.Command("setsid", "sh", "-c", "sleep 1000 >/dev/null 2>&1 & echo started").Output(); err != nil {
		fmt.Println(err, out)
		return 1
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return 1
		}
		word, _ := bufio.NewReader(c).ReadString('\n')
		if address, ok := strings.CutPrefix(word, "dial "); ok {
			dialStage(c, strings.TrimSpace(address))
		}
		switch word {
		case "groups\n":
			groupsStage(c)
		case "who\n":
			whoStage(c)
		case "move\n":
			moveStage(c)
		case "exit\n":
			return 7
		case "kill\n": // ends without a word, as by kill -9
			syscall.Kill(os.Getpid(), syscall.SIGKILL) // ignored: we are process 1
			io.WriteString(c, "survived\n")
		}
		c.Close()
	}
}

type stage struct {
	cmd  *exec.Cmd
	addr string
	out  *bufio.Reader
}

func startStage(t *testing.T) stage { return startStageAs(t, "1") }

func startStageAs(t *testing.T, as string) stage { return startStageWith(t, as, nil) }

func startStageWith(t *testing.T, as string, how *syscall.SysProcAttr) stage {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.SysProcAttr = how
	cmd.Env = append(os.Environ(), envStage+"="+as, envInside+"=")
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	s := stage{cmd: cmd, out: bufio.NewReader(pipe)}
	line, err := s.out.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "http ") {
		t.Fatalf("%q %v", line, err)
	}
	s.addr = strings.TrimSpace(line[5:])
	return s
}

func (s stage) say(t *testing.T, word string) string {
	t.Helper()
	c, err := net.DialTimeout("tcp", s.addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintln(c, word)
	b, _ := io.ReadAll(c)
	return string(b)
}

// processes lists what runs below this test but ourselves.
func processes() (out []string) {
	all, _ := os.ReadDir("/proc")
	for _, d := range all {
		if d.Name() == "1" || d.Name()[0] < '0' || d.Name()[0] > '9' {
			continue
		}
		b, _ := os.ReadFile("/proc/" + d.Name() + "/cmdline")
		out = append(out, d.Name()+" "+strings.ReplaceAll(string(b), "\x00", " "))
	}
	return out
}

func TestSuperviseExitCode(t *testing.T) {
	s := startStage(t)
	if got := s.say(t, "kill"); got != "survived\n" {
		t.Errorf("said %q", got)
	}
	if got := len(processes()); got < 3 { // supervisor, server, sleep
		t.Errorf("too few: %q", processes())
	}
	s.say(t, "exit")
	if s.cmd.Wait(); s.cmd.ProcessState.ExitCode() != 7 {
		t.Errorf("exit: %v", s.cmd.ProcessState)
	}
	until(t, "all gone", func() bool { return len(processes()) == 0 })
}

func TestSuperviseKilled(t *testing.T) {
	for _, victim := range []string{"supervisor", "server"} {
		t.Run(victim, func(t *testing.T) {
			s := startStage(t)
			s.say(t, "kill")
			pid := s.cmd.Process.Pid
			if victim == "server" {
				b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
				if err != nil {
					t.Fatal(err)
				}
				if len(strings.Fields(string(b))) == 0 { // another thread has forked
					out, _ := exec.Command("pgrep", "-P", fmt.Sprint(pid)).Output()
					b = out
				}
				if _, err := fmt.Sscan(string(b), &pid); err != nil {
					t.Fatal(err)
				}
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			s.cmd.Wait()
			if code := s.cmd.ProcessState.ExitCode(); victim == "server" && code != 137 {
				t.Errorf("exit %d", code)
			}
			until(t, "all gone", func() bool { return len(processes()) == 0 })
		})
	}
}

func TestSuperviseTerminated(t *testing.T) {
	s := startStage(t)
	s.say(t, "kill")
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// The stage has no handler, and process 1 without one is not ended by the
	// forwarded signal of its own namespace, but by an ancestor's it is.
	s.cmd.Wait()
	until(t, "all gone", func() bool { return len(processes()) == 0 })
}
