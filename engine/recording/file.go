package recording

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/podhop/podhop/engine/model"
)

// What a file may hold. Sessions keep less than that.
const (
	// MaxFile and MaxText are its bytes, compressed and not.
	MaxFile = 8 << 20
	MaxText = 32 << 20

	// An empty object takes three bytes of text and half a kilobyte of memory, so
	// there are bounds on these as well.
	maxObjects = 200_000
	maxValues  = 1_000_000
	maxNulls   = 20_000
	maxDepth   = 24

	maxMoments   = 20_000
	maxManifests = 1 << 20
	maxString    = 64 << 10
	maxSpan      = 7 * 24 * 3600 * 1e9 // ns
)

// kind is what a Recording's field podhop says.
const kind = "recording"

// Write writes r as a file. Where it is too large, the oldest journeys are left out,
// which r.Left then counts. It fails with model.ErrTooLarge if that is not enough.
func Write(w io.Writer, r *model.Recording) error {
	r.Podhop, r.Version = kind, model.RecordingVersion
	for {
		var file bytes.Buffer
		size, err := write(&file, r)
		if err != nil {
			return err
		}
		if size <= MaxText && file.Len() <= MaxFile && len(r.Moments) <= maxMoments {
			_, err = w.Write(file.Bytes())
			return err
		}
		if !thin(r) {
			return fmt.Errorf("%w: a recording may have %d bytes, and this one has %d without any packets", model.ErrTooLarge, MaxText, size)
		}
	}
}

func write(w io.Writer, r *model.Recording) (size int, err error) {
	text, err := json.Marshal(r)
	if err != nil {
		return 0, err
	}
	zw := gzip.NewWriter(w)
	_, err = zw.Write(text)
	return len(text), errors.Join(err, zw.Close())
}

// thin leaves out the older half of the journeys; it says false if there are none.
func thin(r *model.Recording) bool {
	journeys := 0
	for i := range r.Moments {
		if r.Moments[i].Message.Journey != nil {
			journeys++
		}
	}
	drop := (journeys + 1) / 2
	r.Left.Journeys += uint64(drop)
	r.Moments = slices.DeleteFunc(slices.Clone(r.Moments), func(m model.Moment) bool {
		if m.Message.Journey == nil || drop == 0 {
			return false
		}
		drop--
		return true
	})
	return journeys > 0
}

// Read reads a file. What it takes can be shown and written again; it fails with
// model.ErrInvalid or model.ErrTooLarge and says what is wrong with the file. It takes
// memory in proportion to MaxText, whatever is read.
func Read(r io.Reader) (*model.Recording, error) {
	in := &limited{r: r, left: MaxFile}
	file := bufio.NewReader(in)
	if magic, _ := file.Peek(2); len(magic) == 2 && string(magic) != "\x1f\x8b" { // RFC 1952, section 2.3.1
		return nil, invalid("it is not compressed with gzip")
	}
	var text []byte
	zr, err := gzip.NewReader(file)
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(zr, MaxText+1))
	}
	if err != nil {
		return nil, fault(in)
	}
	if len(text) > MaxText {
		return nil, fmt.Errorf("%w: the recording has more than %d bytes when it is unpacked", model.ErrTooLarge, MaxText)
	}
	return parse(text)
}

func parse(text []byte) (*model.Recording, error) {
	if err := weigh(text); err != nil {
		return nil, err
	}
	var head struct {
		Podhop  string
		Version int
	}
	if err := json.Unmarshal(text, &head); err != nil || head.Podhop != kind {
		return nil, invalid("it is not a recording of Podhop")
	}
	if head.Version != model.RecordingVersion {
		return nil, invalid("it is of version %d, and this server reads version %d", head.Version, model.RecordingVersion)
	}
	var recording model.Recording
	if err := json.Unmarshal(text, &recording); err != nil {
		return nil, invalid("%v", err)
	}
	if err := check(&recording); err != nil {
		return nil, err
	}
	return &recording, nil
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: the file cannot be read: %w", model.ErrInvalid, fmt.Errorf(format, args...))
}

// fault is why a file could not be unpacked.
func fault(in *limited) error {
	switch {
	case in.over:
		return fmt.Errorf("%w: a recording's file may have %d bytes", model.ErrTooLarge, MaxFile)
	case in.err != nil:
		return in.err
	}
	return invalid("it is damaged, or was cut off")
}

// limited fails after left bytes, and keeps the error of what it reads.
type limited struct {
	r    io.Reader
	left int
	over bool
	err  error
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p[:min(len(p), l.left+1)])
	if n > l.left {
		l.over = true
		return 0, errors.New("too large")
	}
	l.left -= n
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
	}
	return n, err
}
