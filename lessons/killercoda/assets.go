package killercoda

import (
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/podhop/podhop/lessons"
)

// heaviest bounds a scenario's assets together, in bytes.
const heaviest = 16 << 20

// assets finds what details.assets puts on machines: there is one here. Files are those
// of the folder assets that a pattern matches (* in a name, ** over folders), put below the
// target by what of their path follows the part without stars.
func (s *scenario) assets(file string, v *value) (out []lessons.Asset) {
	total := int64(0)
	for _, host := range []string{"host01", "host02", "client"} {
		for _, each := range v.get(host).items {
			pattern, target := each.get("file"), each.get("target")
			if pattern.text == "" || target.text == "" {
				s.fail(file, each.line, "an asset must have a file and a target")
				continue
			}
			if _, wrong := s.inside(strings.ReplaceAll(pattern.text, "*", "x")); wrong != "" {
				s.fail(file, pattern.line, quoted(pattern.text)+": "+wrong)
				continue
			}
			if !strings.HasPrefix(target.text, "/") && !strings.HasPrefix(target.text, "~/") && target.text != "~" || strings.Contains("/"+target.text+"/", "/../") {
				s.fail(file, target.line, quoted(target.text)+": must be a folder on the machine, such as /root or ~/")
				continue
			}
			if _, ok := mode(each.get("chmod").text, 0); !ok {
				s.fail(file, each.get("chmod").line, quoted(each.get("chmod").text)+": is not what chmod takes")
				continue
			}
			found := s.match(strings.TrimPrefix(pattern.text, "./"))
			if len(found) == 0 {
				s.fail(file, pattern.line, quoted(pattern.text)+": there is no such file in assets")
			}
			for _, f := range found {
				if total += f.size; total > heaviest {
					s.fail(file, pattern.line, "the assets have more than 16 MiB together")
					return nil
				}
				m, _ := mode(each.get("chmod").text, f.mode)
				s.files.Hold(f.full)
				out = append(out, lessons.Asset{Source: f.full, Folder: target.text, Name: f.name, Mode: m})
			}
		}
	}
	return out
}

type matched struct {
	full, name string
	size       int64
	mode       fs.FileMode
}

// match lists the files in assets that a pattern matches.
func (s *scenario) match(pattern string) (out []matched) {
	root := path.Join(s.dir, "assets")
	fixed := path.Dir(pattern) // what the names at the target begin behind
	if i := strings.Index(pattern, "*"); i >= 0 {
		fixed = path.Dir(pattern[:i] + "x")
	}
	expression := expressionOf(pattern)
	_ = fs.WalkDir(s.fsys, root, func(full string, d fs.DirEntry, err error) error {
		if err != nil || len(out) > most {
			return nil
		}
		name := strings.TrimPrefix(full, root+"/")
		info, err := d.Info()
		if err != nil || !d.Type().IsRegular() || !expression.MatchString(name) || linked(s.fsys, full) {
			return nil
		}
		m := fs.FileMode(0o644)
		if info.Mode()&0o111 != 0 {
			m = 0o755
		}
		out = append(out, matched{full: full, name: strings.TrimPrefix(name, strings.TrimPrefix(fixed+"/", "./")), size: info.Size(), mode: m})
		return nil
	})
	return out
}

// expressionOf is a pattern as an expression of whole paths.
func expressionOf(pattern string) *regexp.Regexp {
	e := regexp.QuoteMeta(pattern)
	e = strings.ReplaceAll(e, `\*\*/`, `(?:.*/)?`)
	e = strings.ReplaceAll(e, `\*\*`, `.*`)
	e = strings.ReplaceAll(e, `\*`, `[^/]*`)
	return regexp.MustCompile("^" + e + "$")
}

var symbolic = regexp.MustCompile(`^([ugoa]*)([-+=])([rwxX]*)$`)

// mode is what chmod makes of a file's permissions.
func mode(chmod string, m fs.FileMode) (fs.FileMode, bool) {
	if chmod == "" {
		return m, true
	}
	if octal, err := strconv.ParseUint(chmod, 8, 32); err == nil && octal <= 0o7777 {
		return fs.FileMode(octal) & 0o777, true
	}
	for _, clause := range strings.Split(chmod, ",") {
		p := symbolic.FindStringSubmatch(clause)
		if p == nil {
			return 0, false
		}
		var who, bits fs.FileMode
		for c, shift := range map[string]int{"u": 6, "g": 3, "o": 0} {
			if p[1] == "" || strings.Contains(p[1], c) || strings.Contains(p[1], "a") {
				who |= 0o7 << shift
			}
		}
		for c, bit := range map[string]fs.FileMode{"r": 0o444, "w": 0o222, "x": 0o111, "X": 0o111} {
			if strings.Contains(p[3], c) {
				bits |= bit
			}
		}
		if p[1] == "" && p[2] != "-" {
			bits &^= 0o022 // as the usual umask has it
		}
		switch p[2] {
		case "+":
			m |= who & bits
		case "-":
			m &^= who & bits
		case "=":
			m = m&^who | who&bits
		}
	}
	return m, true
}
