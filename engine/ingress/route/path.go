package route

import (
	"net/url"
	"regexp"
	"strings"
)

// A Path is a pattern of paths. The zero value is every path.
type Path struct {
	Kind  PathKind
	Value string
	// Pattern is of Regexp; it must match the whole path.
	Pattern *regexp.Regexp
}

// PathKind is how a path is compared. Of rules that match, Exact goes before
// Regexp and that before Prefix.
type PathKind int

const (
	Prefix PathKind = iota
	Regexp
	Exact
)

// Matches compares with a path as Clean gives it. A prefix is compared element by
// element, as Ingress and HTTPRoute want it: /foo matches /foo/bar and not /foobar.
func (p Path) Matches(path string) bool {
	switch p.Kind {
	case Exact:
		return path == p.Value
	case Regexp:
		return p.Pattern.MatchString(path)
	}
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(p.Value, "/"))
	return ok && (rest == "" || rest[0] == '/')
}

func (p Path) String() string {
	switch p.Kind {
	case Exact:
		return "= " + p.Value
	case Regexp:
		return "~ " + p.Value
	}
	if p.Value == "" {
		return "/"
	}
	return p.Value
}

// Clean is the path of a request as it is compared and passed on: without dot
// segments (RFC 3986, 5.2.4), which could otherwise lead out of a prefix at the
// backend, and decoded but for what decoding would make a separator of. escaped is
// a URL's EscapedPath.
func Clean(escaped string) (decoded, encoded string) {
	var plain, raw []string
	segments := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
	for i, segment := range segments {
		text, err := url.PathUnescape(segment)
		if err != nil || strings.Contains(text, "/") {
			text = segment
		}
		switch text {
		case ".", "..":
			if text == ".." && len(plain) > 0 {
				plain, raw = plain[:len(plain)-1], raw[:len(raw)-1]
			}
			if i == len(segments)-1 {
				plain, raw = append(plain, ""), append(raw, "")
			}
		default:
			plain, raw = append(plain, text), append(raw, segment)
		}
	}
	return "/" + strings.Join(plain, "/"), "/" + strings.Join(raw, "/")
}

// Rewritten is a path with a rewriting done; matched is the rule's path.
func (r *Rewriting) Rewritten(path string, matched Path) string {
	if r == nil {
		return path
	}
	if !r.Prefix {
		return r.With
	}
	rest := "" // an exact path is a prefix that nothing follows
	if matched.Kind == Prefix {
		rest = strings.TrimPrefix(path, strings.TrimSuffix(matched.Value, "/"))
	}
	if path := strings.TrimSuffix(r.With, "/") + rest; path != "" {
		return path
	}
	return "/"
}
