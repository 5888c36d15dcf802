package logs

import "io"

// keyLength is how long the random part of each key is, in lower-case letters and digits: a
// session's ID, a view, a class. shortened is as much of it as is written.
const (
	keyLength = 26
	shortened = 8
)

// discreet shortens keys in what is written to it, a whole line at a time. It does so with
// lines, not with attributes, so that it does not matter where in an error or an address one is.
type discreet struct{ io.Writer }

func (d discreet) Write(line []byte) (int, error) {
	if _, err := d.Writer.Write(short(line)); err != nil {
		return 0, err
	}
	return len(line), nil
}

// Short is a text without whole keys of somebody's, as a line of the log is.
func Short(text string) string { return string(short([]byte(text))) }

// short cuts each word of the length of a key, as far as it may be one.
func short(line []byte) []byte {
	var out []byte
	kept := 0 // of line, what is in out
	for i := 0; i < len(line); {
		if n := escape(line[i:]); n > 0 {
			i += n
			continue
		}
		start, could := i, true
		for i < len(line) && word(line[i]) {
			could = could && (line[i] < 'A' || line[i] > 'Z')
			i++
		}
		if could && i-start == keyLength {
			out = append(out, line[kept:start+shortened]...)
			kept = i
		}
		if i == start {
			i++
		}
	}
	if kept == 0 {
		return line
	}
	return append(out, line[kept:]...)
}

func word(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z'
}

// escape is the length of what a line begins with that stands for one character, in quotes or
// in an address: letters in it belong to no word.
func escape(line []byte) int {
	n := 0
	switch {
	case line[0] == '%':
		n = 3
	case line[0] != '\\' || len(line) == 1:
		return 0
	case line[1] == 'x':
		n = 4
	case line[1] == 'u':
		n = 6
	case line[1] == 'U':
		n = 10
	default:
		n = 2
	}
	return min(n, len(line))
}
