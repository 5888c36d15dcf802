package nsexec

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// moveRequest, with three descriptors, asks the supervisor to empty a group into another. Processes
// of the outer pid namespace, itself among them, have no names inside by which they could be
// moved; and outside there is no mount by which they could.
const moveRequest = "move"

// moveOutside has the supervisor move the processes of a group, by its cgroup.procs as we have
// it open, into another.
func moveOutside(outside int, from, to *os.File) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socketpair", err)
	}
	defer unix.Close(pair[0])
	err = unix.Sendmsg(outside, []byte(moveRequest), unix.UnixRights(pair[1], int(from.Fd()), int(to.Fd())), nil, 0)
	unix.Close(pair[1])
	if err != nil {
		return os.NewSyscallError("sendmsg", err)
	}
	text := make([]byte, 512)
	n, err := unix.Read(pair[0], text)
	switch {
	case err != nil:
		return fmt.Errorf("the supervisor's answer: %w", err)
	case n == 0:
		return errors.New("the supervisor gave no answer")
	case string(text[:n]) != "ok":
		return errors.New(string(text[:n]))
	}
	return nil
}

func answerMove(answer, from, to *os.File) {
	defer answer.Close()
	defer from.Close()
	defer to.Close()
	said := "ok"
	if err := moveAll(from, to); err != nil {
		said = err.Error()
	}
	_ = unix.Sendmsg(int(answer.Fd()), []byte(said[:min(len(said), 500)]), nil, nil, 0)
}

// moveAll moves what is in a group, and what they start meanwhile.
func moveAll(from, to *os.File) error {
	for range 10 {
		if _, err := from.Seek(0, io.SeekStart); err != nil {
			return err
		}
		moved := 0
		for s := bufio.NewScanner(from); s.Scan(); {
			if s.Text() == "0" {
				return errors.New("a process of another pid namespace is in the group")
			}
			moved++
			_, err := to.WriteString(s.Text())
			if err != nil && !errors.Is(err, unix.ESRCH) { // it has ended
				return fmt.Errorf("move process %s: %w", s.Text(), err)
			}
		}
		if moved == 0 {
			return nil
		}
	}
	return errors.New("processes kept coming")
}
