package container

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"
)

// maxLine is where a long line is cut into partial ones, as containerd does.
const maxLine = 16 << 10

// logHead is the length of what the format adds to a line.
const logHead = len("2006-01-02T15:04:05.000000000Z stdout F \n")

// logFile writes a container's output in the kubelet's CRI log format:
// time, stream, "F" for a full or "P" for a partial line, text.
type logFile struct {
	// pace bounds what all containers of a session log; nil does not.
	pace *rate.Limiter
	// rest is closed when the container has ended: what it left in its pipes is
	// little, and is not paced.
	rest     chan struct{}
	restOnce sync.Once

	mu   sync.Mutex
	path string
	file *os.File
	buf  []byte
}

func openLog(path string, pace *rate.Limiter) (*logFile, error) {
	l := &logFile{path: path, pace: pace, rest: make(chan struct{})}
	return l, l.reopen()
}

// newPace lets containers log so many bytes a second, and four times as many at
// once. The kubelet looks each 10 s whether a log is too large, and the log is on
// the session's own small file system: a container that writes faster than this
// is held up when its pipe is full, as it is by a slow disk.
func newPace(bytes int64) *rate.Limiter { return rate.NewLimiter(rate.Limit(bytes), int(4*bytes)) }

// wait waits for its turn to write n bytes.
func (l *logFile) wait(n int) {
	if l.pace == nil {
		return
	}
	select {
	case <-l.rest:
		return
	default:
	}
	turn := l.pace.ReserveN(time.Now(), min(n, l.pace.Burst()))
	delay := turn.Delay()
	if delay == 0 {
		return
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.rest:
		turn.Cancel()
	}
}

// hurry ends pacing.
func (l *logFile) hurry() {
	if l != nil {
		l.restOnce.Do(func() { close(l.rest) })
	}
}

// reopen goes on in a new file of the same name, after the old one was renamed.
func (l *logFile) reopen() error {
	if l == nil || l.path == "" {
		return nil
	}
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o640)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		l.file.Close()
	}
	l.file = f
	return nil
}

// write writes one line. Where the disk is full it is lost, like the
// container's own files.
func (l *logFile) write(stream string, line []byte, partial bool) {
	if l == nil {
		return
	}
	l.wait(len(line) + logHead)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return
	}
	tag := " F "
	if partial {
		tag = " P "
	}
	l.buf = time.Now().UTC().AppendFormat(l.buf[:0], "2006-01-02T15:04:05.000000000Z07:00")
	l.buf = append(append(append(l.buf, ' '), stream...), tag...)
	l.buf = append(append(l.buf, line...), '\n')
	l.file.Write(l.buf) //nolint:errcheck // see above
	if cap(l.buf) > 4096 {
		l.buf = nil
	}
}

func (l *logFile) close() {
	if l == nil {
		return
	}
	l.hurry()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}

// lines cuts a stream into lines for the log.
type lines struct {
	log     *logFile
	stream  string
	pending []byte
}

func (l *lines) add(chunk []byte) {
	for len(chunk) > 0 {
		end := bytes.IndexByte(chunk, '\n')
		part := chunk
		if end >= 0 {
			part = chunk[:end]
		}
		if room := maxLine - len(l.pending); len(part) > room {
			l.flush(part[:room], true)
			chunk = chunk[room:]
			continue
		}
		if end < 0 {
			l.pending = append(l.pending, part...)
			return
		}
		l.flush(part, false)
		chunk = chunk[end+1:]
	}
}

func (l *lines) flush(rest []byte, partial bool) {
	line := rest
	if len(l.pending) > 0 {
		line = append(l.pending, rest...)
	}
	l.log.write(l.stream, line, partial)
	l.pending = nil // an idle container keeps no buffer
}

// end writes a line that was never ended.
func (l *lines) end() {
	if len(l.pending) > 0 {
		l.flush(nil, true)
	}
}

// output passes what a container writes to its log and to who is attached.
type output struct {
	log *logFile

	mu       sync.Mutex
	sinks    map[*sink]struct{}
	finished bool
	running  sync.WaitGroup
}

// sink is one attached client.
type sink struct {
	chunks chan chunk
	gone   chan struct{} // closed by the client's side
	end    chan struct{} // closed when there is no more to come
}

type chunk struct {
	stream string
	data   []byte
}

func newOutput(log *logFile) *output { return &output{log: log, sinks: map[*sink]struct{}{}} }

// attach adds a client; nil once all output has ended.
func (o *output) attach() *sink {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.finished {
		return nil
	}
	s := &sink{chunks: make(chan chunk, 64), gone: make(chan struct{}), end: make(chan struct{})}
	o.sinks[s] = struct{}{}
	return s
}

func (o *output) detach(s *sink) {
	o.mu.Lock()
	delete(o.sinks, s)
	o.mu.Unlock()
	close(s.gone)
}

// read copies a stream to its end, on a goroutine of its own, and closes it.
func (o *output) read(stream string, from *os.File) {
	o.running.Add(1)
	go func() {
		defer o.running.Done()
		defer from.Close()
		l := lines{log: o.log, stream: stream}
		defer l.end()
		for {
			data, release, err := readSome(from)
			if len(data) > 0 {
				l.add(data)
				o.pass(stream, data)
			}
			release()
			if err != nil {
				return
			}
		}
	}()
}

// pass gives data to the attached. A client that does not read holds the
// container's output up, as it does under containerd, until it goes.
func (o *output) pass(stream string, data []byte) {
	o.mu.Lock()
	if len(o.sinks) == 0 {
		o.mu.Unlock()
		return
	}
	sinks := make([]*sink, 0, len(o.sinks))
	for s := range o.sinks {
		sinks = append(sinks, s)
	}
	o.mu.Unlock()
	c := chunk{stream, bytes.Clone(data)}
	for _, s := range sinks {
		select {
		case s.chunks <- c:
		case <-s.gone:
		case <-s.end:
		}
	}
}

// finish waits for the streams to end, not longer than patience, since a
// process may have handed them on, and tells the attached.
func (o *output) finish(patience time.Duration) {
	o.log.hurry()
	ended := make(chan struct{})
	go func() { o.running.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience):
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.finished = true
	for s := range o.sinks {
		close(s.end)
		delete(o.sinks, s)
	}
	o.log.close()
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// readSome waits for data and takes it into a buffer that is only held while
// there is some: an idle stream costs a parked goroutine. EOF is also what a
// terminal's master says (EIO) when the last process has gone.
func readSome(f *os.File) (data []byte, release func(), err error) {
	release = func() {}
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, release, err
	}
	var readErr error
	err = conn.Read(func(fd uintptr) bool {
		buf := buffers.Get().(*[]byte)
		for {
			n, err := unix.Read(int(fd), *buf)
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case errors.Is(err, unix.EAGAIN):
				buffers.Put(buf)
				return false
			case err != nil && !errors.Is(err, unix.EIO):
				readErr = err
			case n <= 0:
				readErr = io.EOF
			default:
				data = (*buf)[:n]
				release = func() { buffers.Put(buf) }
				return true
			}
			buffers.Put(buf)
			return true
		}
	})
	if err != nil {
		return nil, release, err
	}
	return data, release, readErr
}
