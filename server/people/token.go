package people

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// A token makes whoever shows it something. Its hash is what is compared: that takes as long
// whatever is shown.
type token struct {
	hash [sha256.Size]byte
	role Role
}

func newToken(text string, role Role) token {
	if text == "" {
		return token{}
	}
	return token{hash: sha256.Sum256([]byte(text)), role: role}
}

// role is what a token makes of whoever shows it.
func (p *People) role(text string) (role Role, ok bool) {
	hash := sha256.Sum256([]byte(text))
	for _, t := range p.tokens {
		if subtle.ConstantTimeCompare(hash[:], t.hash[:]) == 1 && t.role != "" {
			role, ok = t.role, true
		}
	}
	return role, ok
}

// mark tells a token from others, and nothing of it.
func mark(text string) string { return markOf(sha256.Sum256([]byte(text))) }

func markOf(hash [sha256.Size]byte) string {
	again := sha256.Sum256(append([]byte("podhop token "), hash[:]...))
	return hex.EncodeToString(again[:8])
}

// current reports whether what somebody signed in with is still the token of their role.
func (p *People) current(s signed) bool {
	for _, t := range p.tokens {
		if t.role != "" && markOf(t.hash) == s.Token && s.Is(t.role) {
			return true
		}
	}
	return false
}

// bearer is what a request shows (RFC 6750).
func bearer(r *http.Request) (string, bool) {
	scheme, text, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(text), ok && strings.EqualFold(scheme, "Bearer")
}

func title(r Role) string { return strings.ToUpper(string(r[:1])) + string(r[1:]) }

// ErrToken says that a file holds no token.
var ErrToken = errors.New("a token must have at least 16 characters, and no blank within")

// ReadToken reads a file that holds a token and nothing else.
func ReadToken(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(data))
	if !isToken(text) {
		return "", fmt.Errorf("%s: %w", file, ErrToken)
	}
	return text, nil
}

func isToken(text string) bool { return len(text) >= 16 && !strings.ContainsAny(text, " \t\r\n") }

// ReadTokens reads a file that holds a token a line, and lines that begin with #.
func ReadTokens(file string) (all []string, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		if !isToken(text) {
			return nil, fmt.Errorf("%s, line %d: %w", file, n, ErrToken)
		}
		all = append(all, text)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: there is no token in it", file)
	}
	return all, nil
}

// Token is ReadToken, and makes the file, for its owner's eyes alone, if there is none.
func Token(file string) (string, error) {
	text, err := ReadToken(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	text = NewID() + NewID()
	if err := writeSecret(file, []byte(text+"\n")); err != nil {
		return "", err
	}
	return text, nil
}

// writeSecret makes a file as a whole or not at all, readable by its owner.
func writeSecret(file string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), file)
}
