package container

import (
	"errors"
	"os"
)

// pipes makes the pipes of a process: theirs, and our ends. With a terminal
// they get /dev/null, for the runtime's own messages. Theirs belong to the
// session's root, or a program that opens /dev/stderr anew (nginx) may not.
func (s *Session) pipes(tty, stdin bool) (theirs, ours stdio, err error) {
	defer func() {
		if err != nil {
			theirs.close()
			ours.close()
			theirs, ours = stdio{}, stdio{}
		}
	}()
	if theirs.in, err = os.Open(os.DevNull); err != nil {
		return
	}
	if tty {
		theirs.out, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		return
	}
	if stdin {
		theirs.in.Close()
		if theirs.in, ours.in, err = os.Pipe(); err != nil {
			return
		}
	}
	if ours.out, theirs.out, err = os.Pipe(); err != nil {
		return
	}
	if ours.err, theirs.err, err = os.Pipe(); err != nil {
		return
	}
	if s.mapped {
		err = errors.Join(theirs.out.Chown(s.cfg.UIDBase, s.cfg.UIDBase), theirs.err.Chown(s.cfg.UIDBase, s.cfg.UIDBase))
		if stdin {
			err = errors.Join(err, theirs.in.Chown(s.cfg.UIDBase, s.cfg.UIDBase))
		}
	}
	return
}

func (f stdio) close() {
	for _, file := range []*os.File{f.in, f.out, f.err} {
		if file != nil {
			file.Close()
		}
	}
}
