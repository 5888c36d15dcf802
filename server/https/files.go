package https

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Files are a certificate and its key, which are read again when one of them has changed. It is
// safe for concurrent use.
type Files struct {
	certificate, key file
	log              *slog.Logger

	mu     sync.Mutex
	now    *tls.Certificate
	seen   [2]time.Time // when the files were changed
	looked time.Time
}

// a file is looked up in its folder as that was when it was opened, so that mounts that come
// over it do not hide it.
type file struct {
	folder *os.File
	name   string
}

func (f file) open() (*os.File, error) {
	fd, err := unix.Openat(int(f.folder.Fd()), f.name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: filepath.Join(f.folder.Name(), f.name), Err: err}
	}
	return os.NewFile(uintptr(fd), f.name), nil
}

// read also tells when the file was changed.
func (f file) read() (text []byte, changed time.Time, err error) {
	opened, err := f.open()
	if err != nil {
		return nil, changed, err
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return nil, changed, err
	}
	text, err = io.ReadAll(io.LimitReader(opened, 1<<20))
	return text, info.ModTime(), err
}

// lookEvery is how often files are looked at, at most.
const lookEvery = time.Second

// FromFiles reads a certificate, with the chain behind it, and its key, PEM both.
func FromFiles(certificate, key string, log *slog.Logger) (*Files, error) {
	f := &Files{log: log}
	for into, name := range map[*file]string{&f.certificate: certificate, &f.key: key} {
		folder, err := os.Open(filepath.Dir(name))
		if err != nil {
			return nil, err
		}
		*into = file{folder, filepath.Base(name)}
	}
	if err := f.load(); err != nil {
		return nil, err
	}
	return f, nil
}

// Log is where what is wrong with a new certificate is told from now on.
func (f *Files) Log(log *slog.Logger) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = log
}

// TLS is what to serve with.
func (f *Files) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.current(), nil }}
}

// current is the certificate as it is now. Files that do not fit each other, as while they are
// being replaced, change nothing.
func (f *Files) current() *tls.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) < lookEvery {
		return f.now
	}
	if err := f.load(); err != nil && f.log != nil {
		f.log.Warn("the certificate of the page stays as it was", "err", err)
	}
	return f.now
}

// load reads the files if they have changed.
func (f *Files) load() error {
	f.looked = time.Now()
	certificate, first, err := f.certificate.read()
	if err != nil {
		return err
	}
	key, second, err := f.key.read()
	if err != nil {
		return err
	}
	if changed := [2]time.Time{first, second}; changed == f.seen {
		return nil
	} else if f.now != nil {
		defer func() { f.seen = changed }() // what does not fit is told once
	} else {
		f.seen = changed
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return fmt.Errorf("%s and %s: %w", f.certificate.name, f.key.name, err)
	}
	f.now = &pair
	return nil
}
