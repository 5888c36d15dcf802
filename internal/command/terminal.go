package command

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// columns is how wide the terminal behind w is; it says false where there is none.
func columns(w io.Writer) (int, bool) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, false
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	if size.Col == 0 { // a terminal that does not know
		return 80, true
	}
	return int(size.Col), true
}

// unwrapped is wider than any line.
const unwrapped = 1 << 20

// width is what lines are wrapped to: the terminal's, or COLUMNS where there is none.
func width(w io.Writer) int {
	if n, ok := columns(w); ok {
		return n
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	return unwrapped
}

// coloured decides on colours: always, never, or where there is a terminal that has
// them and nobody minds (https://no-color.org).
func coloured(when string, w io.Writer) bool {
	if when != "auto" {
		return when == "always"
	}
	_, terminal := columns(w)
	return terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
