package devserver

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// shell is what answers in a told terminal: a line editor, and a few commands that tests
// ask for. It writes by out, which must not call it back.
type shell struct {
	out           func(string)
	end           func(code int)
	line          []rune
	part          string
	pasting       bool
	busy          bool // cat -: until Ctrl-C
	columns, rows int
}

const prompt = "\x1b[?2004hlearner:~$ "

func (s *shell) begin() { s.out(prompt) }

// typed takes what a viewer typed.
func (s *shell) typed(text string) {
	text = s.part + text
	for s.part = ""; text != ""; {
		switch {
		case strings.HasPrefix(text, "\x1b[200~"):
			s.pasting, text = true, text[6:]
			continue
		case strings.HasPrefix(text, "\x1b[201~"):
			s.pasting, text = false, text[6:]
			continue
		}
		if !utf8.FullRuneInString(text) {
			s.part = text // the rest of the character is in the next frame
			return
		}
		r, n := utf8.DecodeRuneInString(text)
		text = text[n:]
		s.key(r)
	}
}

func (s *shell) key(r rune) {
	switch {
	case r == 3: // Ctrl-C
		s.line, s.busy = nil, false
		s.out("^C\r\n" + prompt)
	case s.busy:
	case r == '\r' && s.pasting, r == '\n' && s.pasting:
		s.line = append(s.line, '\n')
		s.out("\r\n")
	case r == '\r':
		line := string(s.line)
		s.line = nil
		s.out("\x1b[?2004l\r\n")
		s.run(line)
	case r == 0x7f: // Backspace
		if len(s.line) > 0 {
			s.line = s.line[:len(s.line)-1]
			s.out("\b \b")
		}
	case r == '\t': // completes to the one thing it knows
		s.line = append(s.line, []rune("completed")...)
		s.out("completed")
	default:
		s.line = append(s.line, r)
		s.out(string(r))
	}
}

// run does what the commands of a script say, and prompts.
func (s *shell) run(script string) {
	for line := range strings.Lines(script) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch name {
		case "":
		case "echo":
			s.out(rest + "\r\n")
		case "size":
			s.out(fmt.Sprintf("%d columns, %d rows\r\n", s.columns, s.rows))
		case "colors":
			for n := range 16 {
				s.out(fmt.Sprintf("\x1b[%dmcolour %d\x1b[0m\r\n", map[bool]int{true: 30 + n, false: 82 + n}[n < 8], n))
			}
			s.out("\x1b[38;2;200;200;210mtrue colour\x1b[0m\r\n")
		case "ask": // what it is, and where its cursor stands
			s.out("\x1b[c\x1b[6n")
		case "escape": // a title, the clipboard, a link that is a script, and questions whose answers would be commands
			s.out("\x1b]0;rm -rf ~\x07\x1b]2;rm -rf ~\x07\x1b]52;c;cm0gLXJmIH4=\x07\x1b]8;;javascript:document.title='run'\x07link\x1b]8;;\x07" +
				"\x1b[21t\x1b]52;c;?\x07\x1bP+q544e\x1b\\" + "\x1b]50;?\x07\r\nescaped\r\n")
		case "flood":
			s.out(strings.Repeat(strings.Repeat("x", 78)+"\r\n", 100_000) + "the last line\r\n")
		case "wait":
			s.busy = true
			return
		case "exit":
			code := 0
			_, _ = fmt.Sscan(rest, &code)
			s.end(code)
			return
		case "kubectl":
			s.out("told: " + strings.TrimSpace(line) + "\r\n")
		default:
			s.out("sh: " + name + ": not found\r\n")
		}
	}
	s.begin()
}
