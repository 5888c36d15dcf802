package command

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/podhop/podhop/server/audit"
)

// auditConfig is what the flags say about the audit log.
type auditConfig struct {
	file        string
	size, files int
}

func (c *auditConfig) register(fs *flag.FlagSet) {
	fs.StringVar(&c.file, "audit-log", "", "`file` to which it is written, a line of JSON each, what people do that others may have to answer for; off: nowhere (default DATA/audit.log)")
	fs.IntVar(&c.size, "audit-log-size", 20, "`MiB` after which a new file is begun")
	fs.IntVar(&c.files, "audit-log-files", 5, "`number` of older files that are kept")
}

// open returns the log, or nil for none.
func (c *auditConfig) open(data string) (*audit.Log, error) {
	if c.file == "off" {
		return nil, nil
	}
	if c.size < 1 || c.files < 1 {
		return nil, errors.New("--audit-log-size and --audit-log-files must be at least 1")
	}
	file := c.file
	if file == "" {
		file = filepath.Join(data, "audit.log")
	}
	// It is made here, so that a folder that cannot be written to is told now.
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("--audit-log: %w", err)
	}
	return audit.New(&lumberjack.Logger{Filename: file, MaxSize: c.size, MaxBackups: c.files}), nil
}
